// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import { Prices, Terms } from "../../../contracts/src/types/DataTypes.sol";
import { Fixture } from "../support/Fixture.sol";
import { vm } from "../support/Vm.sol";
import { NaiveBilling } from "./Naive.sol";

/// @notice What went wrong in systems like this one: each attack first succeeds on a naive contract, then fails on the
/// escrow. As listed in Lessons.tree.
contract LessonsTest is Fixture {
    NaiveBilling private naive;

    function setUp() public override {
        super.setUp();
        naive = new NaiveBilling(IERC20(address(usdc)), OWNER, PRICE);
        vm.startPrank(tenant);
        usdc.approve(address(naive), type(uint128).max);
        naive.deposit(DEPOSIT);
        vm.stopPrank();
    }

    function test_serverKey_cannotDebitABalance() external {
        vm.prank(OWNER);
        naive.debit(tenant, OWNER, DEPOSIT);
        assertEq(naive.balanceOf(OWNER), DEPOSIT, "naive: the key took it all");

        vm.prank(tenant);
        escrow.deposit(DEPOSIT);
        address[4] memory powers = [OWNER, PLATFORM, OPERATOR, AGENT];
        for (uint256 i = 0; i < powers.length; ++i) {
            vm.prank(powers[i]);
            vm.expectRevert();
            escrow.withdraw(powers[i], 1);
            assertEq(escrow.balanceOf(tenant), DEPOSIT, "the balance stands");
        }
    }

    function test_retryAfterACrash_chargesOnce() external {
        naive.settleUsage(tenant, OPERATOR, PRICE);
        naive.settleUsage(tenant, OPERATOR, PRICE);
        assertEq(naive.owed(OPERATOR), 2 * PRICE, "naive: charged twice");

        bytes32 leaseId = activated(terms());
        forward(2 hours);
        settle(leaseId);
        uint256 settled = escrow.leaseOf(leaseId).settled;
        uint256 earned = escrow.earnedOf(node);
        settle(leaseId);
        assertEq(settled, PRICE, "an hour vested, an hour held back");
        assertEq(escrow.leaseOf(leaseId).settled, settled, "the retry changed nothing");
        assertEq(escrow.earnedOf(node), earned, "nor for the node");
    }

    function test_dustSettling_billsNothingMore() external {
        Terms memory asked = terms();
        asked.holdBack = 0;
        bytes32 leaseId = activated(asked);
        uint256 seconds_ = 100;
        for (uint256 i = 0; i < seconds_; ++i) {
            forward(1);
            naive.settleElapsed(tenant, OPERATOR);
            settle(leaseId);
        }
        uint256 fair = (PRICE * seconds_) / 3600;
        assertTrue(naive.owed(OPERATOR) > fair + 40, "naive: rounded up a hundred times");
        assertEq(escrow.leaseOf(leaseId).settled, fair, "rounded once");
    }

    function test_shortBalance_isSeenAndPaidAsFarAsItGoes() external {
        naive.settleOrSkip(tenant, OPERATOR, DEPOSIT + 1);
        assertTrue(naive.settledFlag() && naive.owed(OPERATOR) == 0, "naive: settled, and nobody paid");

        bytes32 leaseId = activated(terms());
        uint256 end = escrow.runsOutAt(leaseId);
        vm.warp(end + 1 hours);
        settle(leaseId);
        uint256 paid = escrow.earnedOf(node) + escrow.earnedOf(0);
        assertEq(paid, DEPOSIT, "everything paid in was paid out");
        assertEq(escrow.due(leaseId, end - 1) < DEPOSIT ? 1 : 0, 1, "and the second was known beforehand");
    }

    function test_blacklistedPayee_holdsNobody() external {
        naive.settleUsage(tenant, OPERATOR, PRICE);
        bytes32 leaseId = activated(terms());
        Terms memory other = terms();
        other.salt = bytes32(uint256(1));
        bytes32 second = activated(other);
        forward(2 hours);
        vm.prank(OWNER);
        usdc.blacklist(OPERATOR);
        vm.expectRevert();
        naive.close(tenant, OPERATOR);

        uint256 before = usdc.balanceOf(tenant);
        bytes32[] memory ids = new bytes32[](2);
        (ids[0], ids[1]) = (leaseId, second);
        escrow.settle(ids);
        assertEq(escrow.leaseOf(second).settled, PRICE, "the batch went on");
        vm.prank(tenant);
        escrow.close(leaseId, tenant);
        assertEq(usdc.balanceOf(tenant), before + DEPOSIT - 2 * PRICE, "the refund arrived");
    }

    function test_priceRaisedMidLease_billsTheOldPrice() external {
        bytes32 leaseId = activated(terms());
        naive.setPrice(PRICE * 10);
        vm.prank(OPERATOR);
        registry.setPrices(node, Prices(100_000, 50_000, 1000, 1_000_000));
        forward(1 hours);
        naive.settleElapsed(tenant, OPERATOR);
        assertEq(naive.owed(OPERATOR), PRICE * 10, "naive: ten times the agreed price");
        assertEq(escrow.due(leaseId, vm.getBlockTimestamp()), PRICE, "the agreed price");
    }

    function test_outage_isNotBilledOnTheTopUp() external {
        bytes32 leaseId = activated(terms());
        uint256 end = escrow.runsOutAt(leaseId);
        vm.warp(end - 1);
        naive.settleElapsed(tenant, OPERATOR);
        vm.warp(end + 10 hours);
        vm.startPrank(tenant);
        naive.deposit(DEPOSIT);
        escrow.topUp(leaseId, DEPOSIT);
        vm.stopPrank();
        naive.settleElapsed(tenant, OPERATOR);
        assertTrue(naive.owed(OPERATOR) >= DEPOSIT + 9 * PRICE, "naive: the gap is billed");
        assertEq(escrow.due(leaseId, vm.getBlockTimestamp()), DEPOSIT, "only what ran before");
        assertEq(escrow.refundable(leaseId), DEPOSIT, "the top-up is whole");
    }
}
