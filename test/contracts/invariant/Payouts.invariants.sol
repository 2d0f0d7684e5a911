// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { Payouts } from "../../../contracts/src/Payouts.sol";
import { Terms } from "../../../contracts/src/types/DataTypes.sol";
import { deploy } from "../support/Deploy.sol";
import { Fixture } from "../support/Fixture.sol";
import { vm } from "../support/Vm.sol";
import { PayoutsHandler } from "./PayoutsHandler.sol";

/// @notice Invariant 23, after every call of a world of payees.
contract PayoutsInvariants is Fixture {
    Payouts internal payouts;
    PayoutsHandler internal handler;

    function setUp() public override {
        super.setUp();
        payouts = Payouts(deploy("Payouts", abi.encode(escrow)));
        INodeRegistry.Registration memory other = registration();
        (other.machineId, other.agent) = (keccak256("another machine"), address(0xB13));
        vm.prank(OPERATOR);
        uint32 second = registry.register(other);
        bytes32[] memory leases = new bytes32[](2);
        Terms memory asked = terms();
        // Years of rent, so that something is earned whenever time passes.
        asked.deposit = 400_000_000;
        leases[0] = activated(asked);
        asked.node = second;
        leases[1] = opened(asked);
        vm.prank(other.agent);
        escrow.activate(leases[1], FINGERPRINT);
        handler = new PayoutsHandler(payouts, escrow, usdc, OWNER, leases);
        address first = handler.actorAt(0);
        for (uint32 which = 1; which <= 2; ++which) {
            vm.prank(OPERATOR);
            escrow.proposePayee(which, first);
            vm.prank(first);
            escrow.acceptPayee(which);
        }
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @notice What left the escrow is where the owners sent it, to the unit; the contract itself never has anything.
    function invariant_23_payoutsGoWhereTheOwnerSaid() external view {
        if (handler.broken() != 0) revert NotTrue(string(abi.encodePacked("broken by ", handler.brokenBy())));
        for (uint256 i = 0; i < handler.ACTORS(); ++i) {
            assertEq(usdc.balanceOf(handler.actorAt(i)), handler.due(i), "received");
        }
        assertEq(usdc.balanceOf(address(payouts)), 0, "held");
    }

    /// @notice Enrolled is who the escrow says, and its owner and recipient are those of the books.
    function invariant_23_theBooksAgree() external view {
        for (uint32 which = 1; which <= handler.NODES(); ++which) {
            (uint256 payee, bool enrolled, uint256 owner, uint256 recipient, uint256 pushedAt) = handler
                .books(which);
            assertTrue(payouts.isEnrolled(which) == enrolled, "enrolled");
            if (!enrolled) {
                assertTrue(escrow.payeeOf(which) == handler.actorAt(payee), "payee");
                continue;
            }
            assertTrue(payouts.payoutOf(which).owner == handler.actorAt(owner), "owner");
            assertTrue(payouts.payoutOf(which).recipient == handler.actorAt(recipient), "recipient");
            assertEq(payouts.payoutOf(which).pushedAt, pushedAt, "pushed at");
        }
    }

    /// @notice From any state, with USDC running, an owner gets all that is earned, and the contract back out of the way.
    function invariant_23_everyOwnerCanLeaveWithEverything() external {
        vm.startPrank(OWNER);
        if (usdc.paused()) usdc.unpause();
        vm.stopPrank();
        for (uint32 which = 1; which <= handler.NODES(); ++which) {
            (, bool enrolled, uint256 owner, , ) = handler.books(which);
            if (!enrolled) continue;
            uint256 earned = escrow.earnedOf(which);
            uint256 before = usdc.balanceOf(STRANGER);
            vm.startPrank(handler.actorAt(owner));
            if (earned != 0) payouts.withdraw(which, STRANGER, earned);
            payouts.proposePayee(which, OPERATOR);
            vm.stopPrank();
            assertEq(usdc.balanceOf(STRANGER), before + earned, "all of it");
            vm.prank(OPERATOR);
            escrow.acceptPayee(which);
            assertTrue(!payouts.isEnrolled(which), "left");
        }
    }
}
