// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ILeaseDesk } from "../../../contracts/src/interfaces/ILeaseDesk.sol";
import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { IPointers } from "../../../contracts/src/interfaces/IPointers.sol";
import { IPricePolicy } from "../../../contracts/src/interfaces/IPricePolicy.sol";
import { IQuoteErrors } from "../../../contracts/src/interfaces/IQuoteErrors.sol";
import { LeaseDesk } from "../../../contracts/src/LeaseDesk.sol";
import { Capacity, Terms } from "../../../contracts/src/types/DataTypes.sol";
import { deploy } from "../support/Deploy.sol";
import { Fixture } from "../support/Fixture.sol";
import { StubRegistry } from "../support/StubRegistry.sol";
import { vm } from "../support/Vm.sol";
import { vmEvents } from "../support/VmEvents.sol";

/// @notice Behaviour by behaviour, as listed in LeaseDesk.tree.
contract LeaseDeskTest is Fixture {
    StubRegistry internal stub;
    LeaseDesk internal desk;
    Capacity internal used;

    function setUp() public override {
        super.setUp();
        stub = new StubRegistry();
        stub.setOffer(node, registry.offer(node));
        desk = LeaseDesk(deploy("LeaseDesk", abi.encode(stub, policy, OWNER)));
    }

    /// @notice What the desk asks its escrow.
    function inUse(uint32) external view returns (Capacity memory) {
        return used;
    }

    function test_quote_takesTheLastUnitAndNoMore() external {
        _capacity(Capacity({ pointUnits: 116, memoryMiB: 8192, diskGiB: 140, gpus: 3 }));
        Terms memory asked = terms();
        asked.gpus = 2;
        asked.maxPricePerHour = type(uint64).max;
        // 16 units, 4096 MiB, 40 GiB and two GPUs are what is left.
        Capacity memory most = Capacity({ pointUnits: 100, memoryMiB: 4096, diskGiB: 100, gpus: 1 });
        _eachAtItsLast(asked, most, 16, 4096, 40, 2);
    }

    function test_quote_countsToTheLastBitOfTheEscrow() external {
        _capacity(
            Capacity({ pointUnits: 2 ** 40, memoryMiB: 2 ** 40, diskGiB: 2 ** 40, gpus: type(uint32).max })
        );
        Terms memory asked = terms();
        asked.gpus = 2;
        asked.maxPricePerHour = type(uint64).max;
        uint64 last = type(uint32).max;
        Capacity memory most = Capacity({
            pointUnits: last - 16,
            memoryMiB: last - 4096,
            diskGiB: last - 40,
            gpus: type(uint16).max - 2
        });
        _eachAtItsLast(asked, most, 16, 4096, 40, 2);
    }

    function test_quote_refusesANodeThatHoldsMoreThanItRegistered() external {
        _capacity(Capacity({ pointUnits: 10, memoryMiB: 8192, diskGiB: 140, gpus: 3 }));
        used.pointUnits = 12;
        _refused(terms(), "compute", 16, 0);
    }

    function test_quote_ofANodeBehindTheFirstRelay() external {
        INodeRegistry.Offer memory offer = registry.offer(node);
        offer.operator = address(0xF1);
        stub.setOffer(1, offer);
        (offer.operator, offer.relay, offer.relayBps) = (OPERATOR, 1, 1234);
        stub.setOffer(2, offer);
        Terms memory asked = terms();
        asked.node = 2;
        ILeaseDesk.Quote memory quoted = desk.quote(0, asked, 2, DEPOSIT, false);
        assertTrue(quoted.relayOperator == address(0xF1), "its operator");
        assertEq(uint32(quoted.price >> 152), 1, "relay");
        assertEq(uint16(quoted.price >> 240), 1234, "its share");
        offer.relay = 9;
        stub.setOffer(2, offer);
        quoted = desk.quote(0, asked, 2, DEPOSIT, false);
        assertTrue(quoted.relayOperator == address(0), "nobody");
        assertEq(uint32(quoted.price >> 152), 0, "no relay");
        assertEq(uint16(quoted.price >> 240), 0, "no share");
    }

    // ------------------------------------------------------------------------------------------------ pointers

    function test_movePointers_movesBothAndSaysSo() external {
        INodeRegistry nodes = INodeRegistry(deploy("NodeRegistry", abi.encode(policy)));
        IPricePolicy prices = IPricePolicy(deploy("PricePolicy", abi.encode(OWNER)));
        vm.startPrank(OWNER);
        desk.announcePointers(nodes, prices);
        assertTrue(desk.policy() == policy, "not yet");
        forward(7 days);
        vmEvents.expectEmit(address(desk));
        emit IPointers.PointersMoved({ registry: nodes, policy: prices });
        desk.movePointers();
        vm.stopPrank();
        assertTrue(desk.registry() == nodes && desk.policy() == prices, "moved");
        assertTrue(address(desk.nextPolicy()) == address(0), "nothing waits");
    }

    function test_firstPointers_areInTheLogToo() external {
        vmEvents.expectEmit();
        emit IPointers.PointersMoved({ registry: registry, policy: policy });
        deploy("LeaseDesk", abi.encode(registry, policy, OWNER));
    }

    // ------------------------------------------------------------------------------------------------ helpers

    function _capacity(Capacity memory capacity) private {
        INodeRegistry.Offer memory offer = registry.offer(node);
        offer.capacity = capacity;
        stub.setOffer(node, offer);
    }

    /// @dev With `most` in use the terms just fit; with one more of anything they do not.
    function _eachAtItsLast(
        Terms memory asked,
        Capacity memory most,
        uint256 units,
        uint256 memoryMiB,
        uint256 diskGiB,
        uint256 gpus
    ) private {
        used = most;
        desk.quote(0, asked, node, DEPOSIT, false);
        ++used.pointUnits;
        _refused(asked, "compute", units, units - 1);
        used = most;
        ++used.memoryMiB;
        _refused(asked, "memory", memoryMiB, memoryMiB - 1);
        used = most;
        ++used.diskGiB;
        _refused(asked, "disk", diskGiB, diskGiB - 1);
        used = most;
        ++used.gpus;
        _refused(asked, "gpu", gpus, gpus - 1);
    }

    function _refused(Terms memory asked, string memory resource, uint256 needed, uint256 free) private {
        try desk.quote(0, asked, node, DEPOSIT, false) {
            revert("it was priced");
        } catch (bytes memory reason) {
            bytes memory expected = abi.encodeWithSelector(
                IQuoteErrors.LeaseEscrow_NoCapacity.selector,
                node,
                resource,
                needed,
                free
            );
            assertTrue(keccak256(reason) == keccak256(expected), resource);
        }
    }
}
