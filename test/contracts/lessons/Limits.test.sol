// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ILeaseMandates } from "../../../contracts/src/interfaces/ILeaseMandates.sol";
import { LeaseDesk } from "../../../contracts/src/LeaseDesk.sol";
import { Errors } from "../../../contracts/src/libraries/Errors.sol";
import { EndReason, LeaseStatus, Terms } from "../../../contracts/src/types/DataTypes.sol";
import { Fixture } from "../support/Fixture.sol";
import { vm } from "../support/Vm.sol";

/// @notice What docs/contracts.md says of limits and emergencies, so that it stays true: what still works, what does not,
/// and what a limit costs.
contract LimitsTest is Fixture {
    address private constant _GUARDIAN = address(0xD12);
    address private constant _SCHEDULER = address(0xD11);
    LeaseDesk private desk;

    function setUp() public override {
        super.setUp();
        desk = LeaseDesk(address(escrow.DESK()));
        vm.startPrank(OWNER);
        desk.setGuardian(_GUARDIAN);
        desk.setScheduler(_SCHEDULER);
        vm.stopPrank();
    }

    /// @notice A machine that never was costs its tenant the time until the close, and the minimum at least.
    function test_falseActivation_costsTheTimeUntilTheClose() external {
        bytes32 leaseId = activated(terms());
        forward(10 minutes);
        vm.prank(tenant);
        escrow.close(leaseId, address(0));
        assertEq(escrow.balanceOf(tenant), DEPOSIT - PRICE / 6, "ten minutes");
    }

    /// @notice The minimum charge vests with the close: no credit reaches it.
    function test_minimumCharge_isBeyondCredit() external {
        bytes32 leaseId = activated(terms());
        vm.prank(tenant);
        escrow.close(leaseId, address(0));
        assertEq(escrow.earnedOf(node), PRICE / 60, "a minute, at once");
        vm.prank(OPERATOR);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseEscrow_NothingCreditable.selector, leaseId));
        escrow.credit(leaseId, 60);
    }

    /// @notice Without a hold-back nothing can be credited, by anybody.
    function test_noHoldBack_noCredit() external {
        Terms memory asked = terms();
        asked.holdBack = 0;
        bytes32 leaseId = activated(asked);
        forward(2 hours);
        vm.prank(OPERATOR);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseEscrow_NothingCreditable.selector, leaseId));
        escrow.credit(leaseId, 60);
    }

    /// @notice A notice is good for seven days after its end, and may be given again.
    function test_notice_lapsesAfterAWeek() external {
        Terms memory asked = terms();
        asked.deposit = uint64(PRICE * 24 * 60);
        bytes32 leaseId = activated(asked);
        uint256 from = vm.getBlockTimestamp() + 1 days;
        vm.startPrank(OPERATOR);
        escrow.startReclaim(leaseId, "some day");
        vm.warp(from + 7 days);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.LeaseEscrow_ReclaimNotDue.selector, leaseId, from, from + 7 days)
        );
        escrow.reclaim(leaseId);
        escrow.startReclaim(leaseId, "again");
        forward(8 days - 1);
        escrow.reclaim(leaseId);
        vm.stopPrank();
        assertTrue(escrow.leaseOf(leaseId).endReason == EndReason.ReclaimedByOperator, "ended");
        uint256 used = (PRICE * (16 days - 1)) / 3600;
        assertEq(escrow.balanceOf(tenant), asked.deposit - used, "and the rest is back");
    }

    /// @notice In a pause a depleted lease cannot be topped up; a renewal passes, and without one anybody ends it after 72 h.
    function test_pause_letsRenewalsPassAndDepletedLeasesEnd() external {
        bytes32 kept = activated(terms());
        Terms memory asked = terms();
        asked.salt = bytes32(uint256(1));
        bytes32 lost = activated(asked);
        ILeaseMandates mandates = escrow.MANDATES();
        vm.startPrank(tenant);
        escrow.deposit(DEPOSIT);
        mandates.setAutoRenew(kept, ILeaseMandates.Renewal(DEPOSIT, DEPOSIT, 1 days));
        vm.stopPrank();
        uint256 end = escrow.runsOutAt(lost);
        vm.warp(end - 1 hours);
        vm.prank(_GUARDIAN);
        desk.pause();
        bytes memory paused = abi.encodeWithSelector(Errors.Guard_Paused.selector, end - 1 hours + 7 days);
        vm.startPrank(tenant);
        vm.expectRevert(paused);
        escrow.topUp(lost, DEPOSIT);
        vm.expectRevert(paused);
        escrow.topUpFromBalance(lost, DEPOSIT);
        vm.stopPrank();
        mandates.renew(kept);
        assertTrue(escrow.runsOutAt(kept) > end + 7 days, "renewed");
        vm.warp(end + 72 hours);
        escrow.end(lost);
        assertTrue(escrow.leaseOf(lost).endReason == EndReason.Depleted, "ended in the pause");
    }

    /// @notice A request may be placed in a pause, cannot be activated, and comes back whole.
    function test_pause_letsRequestsBePlacedAndExpire() external {
        Terms memory asked = terms();
        asked.node = 0;
        bytes32 leaseId = opened(asked);
        uint256 until = vm.getBlockTimestamp() + 7 days;
        vm.prank(_GUARDIAN);
        desk.pause();
        vm.prank(_SCHEDULER);
        escrow.assign(asked, node);
        assertTrue(escrow.leaseOf(leaseId).status == LeaseStatus.Assigned, "placed");
        vm.prank(AGENT);
        vm.expectRevert(abi.encodeWithSelector(Errors.Guard_Paused.selector, until));
        escrow.activate(leaseId, FINGERPRINT);
        forward(15 minutes + 1);
        escrow.expire(leaseId);
        assertEq(escrow.balanceOf(tenant), DEPOSIT, "whole");
    }

    /// @notice With the escrow blacklisted the books go on: balances pay for leases, refunds wait in balances.
    function test_blacklistedEscrow_keepsCount() external {
        bytes32 leaseId = activated(terms());
        vm.prank(tenant);
        escrow.deposit(2 * uint256(DEPOSIT));
        vm.prank(OWNER);
        usdc.blacklist(address(escrow));
        forward(2 hours);
        settle(leaseId);
        assertEq(escrow.earnedOf(node), PRICE, "settled");
        vm.startPrank(tenant);
        escrow.topUpFromBalance(leaseId, DEPOSIT);
        Terms memory asked = terms();
        asked.salt = bytes32(uint256(1));
        escrow.openFromBalance(asked, "");
        escrow.close(leaseId, tenant);
        assertEq(escrow.balanceOf(tenant), 2 * uint256(DEPOSIT) - 2 * PRICE, "the refund waits");
        vm.expectRevert("Blacklistable: account is blacklisted");
        escrow.withdraw(tenant, 1);
        vm.stopPrank();
        vm.prank(OWNER);
        usdc.unBlacklist(address(escrow));
        uint256 balance = escrow.balanceOf(tenant);
        vm.prank(tenant);
        escrow.withdraw(tenant, balance);
    }

    /// @notice An operator's key that is stolen does not reach what the payee, another key, has earned; the payee names
    /// another operator.
    function test_stolenOperatorKey_isReplacedByThePayee() external {
        bytes32 leaseId = activated(terms());
        vm.prank(OPERATOR);
        escrow.proposePayee(node, STRANGER);
        vm.prank(STRANGER);
        escrow.acceptPayee(node);
        forward(2 hours);
        settle(leaseId);
        vm.prank(OPERATOR);
        vm.expectRevert(abi.encodeWithSelector(Errors.Ledger_NotPayee.selector, node, STRANGER, OPERATOR));
        escrow.withdrawEarned(node, OPERATOR, 1);
        vm.prank(STRANGER);
        escrow.setOperator(node, address(0xB77));
        vm.prank(OPERATOR);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.LeaseEscrow_NotOperator.selector, leaseId, address(0xB77), OPERATOR)
        );
        escrow.startReclaim(leaseId, "theft");
    }
}
