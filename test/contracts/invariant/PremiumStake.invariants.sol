// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ILeaseEscrow } from "../../../contracts/src/interfaces/ILeaseEscrow.sol";
import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { IPremiumStake } from "../../../contracts/src/interfaces/IPremiumStake.sol";
import { PremiumStake } from "../../../contracts/src/PremiumStake.sol";
import { Reputation } from "../../../contracts/src/Reputation.sol";
import { Assertions } from "../support/Assertions.sol";
import { EscrowDouble } from "../support/EscrowDouble.sol";
import { PlainToken } from "../support/StakeTokens.sol";
import { StubRegistry } from "../support/StubRegistry.sol";
import { deploy } from "../support/Deploy.sol";
import { vm } from "../support/Vm.sol";
import { StakeHandler } from "./StakeHandler.sol";

/// @notice Invariant 16, after every call of a world of stakers.
contract PremiumStakeInvariants is Assertions {
    PremiumStake internal premium;
    PlainToken internal token;
    StakeHandler internal handler;

    function setUp() public {
        vm.warp(1_800_000_000);
        EscrowDouble counters = new EscrowDouble(ILeaseEscrow(address(0)));
        Reputation reputation = Reputation(
            deploy("Reputation", abi.encode(counters, address(this), address(0xF001)))
        );
        StubRegistry registry = new StubRegistry();
        token = new PlainToken();
        premium = PremiumStake(
            deploy("PremiumStake", abi.encode(token, INodeRegistry(address(registry)), reputation, 1000))
        );
        handler = new StakeHandler(premium, token, registry, reputation, counters);
        for (uint256 i = 0; i < handler.ACTORS(); ++i) {
            address actor = handler.actorAt(i);
            token.mint(actor, 1_000_000);
            vm.prank(actor);
            token.approve(address(premium), type(uint256).max);
        }
        for (uint256 i = 0; i < handler.NODES(); ++i) {
            handler.sell(i, i);
            handler.serve(i, 1, 1);
        }
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @notice Σ stakes = balance − donations, in total and for each staker what went in and has not come out.
    function invariant_16_stakesAreTheBalance() external view {
        uint256 total;
        for (uint256 i = 0; i < handler.ACTORS(); ++i) {
            address actor = handler.actorAt(i);
            uint256 held;
            for (uint32 node = 1; node <= handler.NODES(); ++node) {
                IPremiumStake.Stake memory stake = premium.stakeOf(node, actor);
                held += uint256(stake.bonded) + stake.unbonding;
            }
            assertEq(held, handler.paidIn(actor) - handler.paidOut(actor), "in less out");
            total += held;
        }
        assertEq(premium.totalStaked(), total, "total");
        assertEq(token.balanceOf(address(premium)), total + handler.donated(), "balance");
    }

    /// @notice No call let a stake go elsewhere, earlier, or kept it in; the books agree field by field.
    function invariant_16_stakeLeavesOnlyToItsStakerAfterUnbonding() external view {
        if (handler.broken() != 0) revert NotTrue(string(abi.encodePacked("broken by ", handler.brokenBy())));
        for (uint256 i = 0; i < handler.ACTORS(); ++i) {
            for (uint32 node = 1; node <= handler.NODES(); ++node) {
                bytes32 actual = keccak256(abi.encode(premium.stakeOf(node, handler.actorAt(i))));
                assertTrue(
                    actual == keccak256(abi.encode(handler.bookOf(node, handler.actorAt(i)))),
                    "books"
                );
            }
        }
    }

    /// @notice From any state everybody can leave with everything, with a registry gone dark.
    function invariant_16_everyStakeCanLeave() external {
        handler.brick(0);
        vm.warp(vm.getBlockTimestamp() + 41 days);
        for (uint256 round = 0; round < 2; ++round) {
            for (uint256 i = 0; i < handler.ACTORS(); ++i) {
                address actor = handler.actorAt(i);
                for (uint32 node = 1; node <= handler.NODES(); ++node) {
                    IPremiumStake.Stake memory stake = premium.stakeOf(node, actor);
                    vm.startPrank(actor);
                    if (stake.bonded != 0) premium.startUnbonding(node, stake.bonded);
                    else if (stake.unbonding != 0) premium.withdraw(node);
                    vm.stopPrank();
                }
            }
            vm.warp(vm.getBlockTimestamp() + 14 days);
        }
        for (uint256 i = 0; i < handler.ACTORS(); ++i) {
            assertEq(token.balanceOf(handler.actorAt(i)), 1_000_000, "all back");
        }
        assertEq(token.balanceOf(address(premium)), handler.donated(), "donations stay");
    }
}
