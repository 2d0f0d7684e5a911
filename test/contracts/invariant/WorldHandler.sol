// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { MockUSDC } from "../../../contracts/src/mocks/MockUSDC.sol";
import { PricePolicy } from "../../../contracts/src/PricePolicy.sol";
import { Capacity, Prices } from "../../../contracts/src/types/DataTypes.sol";
import { Assertions } from "../support/Assertions.sol";
import { vm } from "../support/Vm.sol";
import { Handler } from "./Handler.sol";

/// @notice What the world around {Handler} does: Circle pauses and blacklists, the registry goes dark, prices move.
contract WorldHandler is Assertions {
    Handler private immutable _WORLD;

    constructor(Handler world) {
        _WORLD = world;
    }

    function setPaused(uint256 seed) external {
        (address owner, MockUSDC usdc) = (_WORLD.owner(), _WORLD.usdc());
        vm.startPrank(owner);
        if (seed % 4 == 0) usdc.pause();
        else usdc.unpause();
        vm.stopPrank();
    }

    function setBlacklisted(uint256 seed) external {
        address[6] memory targets = [
            _WORLD.tenantAt(0),
            _WORLD.tenantAt(1),
            address(_WORLD.escrow()),
            _WORLD.operatorAt(1),
            _WORLD.operatorAt(2),
            address(0xF00D)
        ];
        address target = targets[seed % 6];
        (address owner, MockUSDC usdc) = (_WORLD.owner(), _WORLD.usdc());
        vm.startPrank(owner);
        if ((seed >> 8) % 4 == 0 && target != address(0xF00D)) usdc.blacklist(target);
        else usdc.unBlacklist(target);
        vm.stopPrank();
    }

    function setBricked(uint256 seed) external {
        _WORLD.registry().setBricked(seed % 4 == 0);
    }

    /// @notice Moves what later leases will be priced with: nothing of the running ones may move.
    function reprice(uint256 seed) external {
        for (uint32 node = 1; node <= _WORLD.NODES(); ++node) {
            _WORLD.registry().setOffer(node, offerOf(node, seed));
        }
        _reprice(_WORLD.policy(), bound(seed >> 32, 1000, 10_000), bound(seed >> 64, 0, 1500));
    }

    function _reprice(PricePolicy policy, uint256 pointFloor, uint256 platformBps) private {
        (
            Prices memory floors,
            Prices memory defaults,
            uint8[4] memory units,
            uint16[4] memory multipliers,
            uint32[4] memory rates,

        ) = policy.parameters();
        floors.point = uint64(pointFloor);
        vm.prank(_WORLD.owner());
        policy.setParameters(floors, defaults, units, multipliers, rates, uint16(platformBps));
    }

    /// @notice Node 2 is behind node 3 as its relay; node 3 is a relay itself.
    function offerOf(uint32 node, uint256 seed) public view returns (INodeRegistry.Offer memory) {
        return
            INodeRegistry.Offer({
                operator: _WORLD.operatorAt(node),
                agent: _WORLD.agentAt(node),
                active: true,
                region: "eu",
                minCharge: uint16(bound(seed, 0, 300)),
                notice: 0,
                relay: node == 2 ? 3 : 0,
                relayBps: node == 2 ? 2000 : 0,
                capacity: Capacity({ pointUnits: 1000, memoryMiB: 100_000, diskGiB: 1000, gpus: 0 }),
                prices: Prices({
                    point: uint64(bound(seed >> 16, 5000, 60_000)),
                    memoryGiB: 5003,
                    diskGiB: 101,
                    gpu: 100_000
                })
            });
    }
}
