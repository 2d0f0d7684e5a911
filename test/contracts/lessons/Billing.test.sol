// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { LeaseEscrow } from "../../../contracts/src/LeaseEscrow.sol";
import { Errors } from "../../../contracts/src/libraries/Errors.sol";
import { Prices, Terms } from "../../../contracts/src/types/DataTypes.sol";
import { StubRegistry } from "../support/StubRegistry.sol";
import { vm } from "../support/Vm.sol";
import { LessonFixture } from "./LessonFixture.sol";
import {
    NaiveCeiling,
    NaiveCuts,
    NaiveGap,
    NaiveLazySettlement,
    NaiveMinimum,
    NaivePrice,
    NaiveReceipts,
    NaiveSkip,
    NaiveStart,
    NaiveUnits
} from "./NaiveBilling.sol";

/// @notice How bills went wrong elsewhere: each mistake is first made by a naive contract, then asked of the escrow.
contract BillingLessonsTest is LessonFixture {
    bytes private constant _UNDERFLOW = abi.encodeWithSignature("Panic(uint256)", 0x11);

    /// @notice A worker charged, crashed before it could note that it had, and charged again.
    function test_retryAfterACrash_chargesOnce() external {
        NaiveReceipts naive = new NaiveReceipts(IERC20(address(usdc)));
        payIn(naive, DEPOSIT);
        naive.charge("usage", tenant, OPERATOR, PRICE);
        naive.charge("usage", tenant, OPERATOR, PRICE);
        assertEq(naive.owed(OPERATOR), 2 * PRICE, "naive: charged twice");

        bytes32 leaseId = activated(terms());
        forward(2 hours);
        settle(leaseId);
        assertEq(escrow.leaseOf(leaseId).settled, PRICE, "an hour vested, an hour held back");
        assertEq(escrow.earnedOf(node), PRICE, "and earned");
        settle(leaseId);
        assertEq(escrow.leaseOf(leaseId).settled, PRICE, "the retry changed nothing");
        assertEq(escrow.earnedOf(node), PRICE, "nor for the node");
    }

    /// @notice An operator settled every second of a lease and was paid the rounding of each.
    function test_dustSettling_billsNothingMore() external {
        NaiveCeiling naive = new NaiveCeiling(IERC20(address(usdc)), PRICE);
        payIn(naive, DEPOSIT);
        Terms memory asked = terms();
        asked.holdBack = 0;
        bytes32 leaseId = activated(asked);
        uint256 duration = 100;
        for (uint256 i = 0; i < duration; ++i) {
            forward(1);
            naive.settle(tenant, OPERATOR);
            settle(leaseId);
        }
        uint256 fair = (PRICE * duration) / 3600;
        assertTrue(naive.owed(OPERATOR) > fair + 40, "naive: rounded up a hundred times");
        assertEq(escrow.leaseOf(leaseId).settled, fair, "rounded once");
    }

    /// @notice A fee was divided by a million in two places and came out as nothing.
    function test_smallestMachine_isNotFree() external {
        NaiveUnits naive = new NaiveUnits();
        assertEq(naive.pricePerHour(500), 0, "naive: half a terabyte for nothing");

        Terms memory asked = terms();
        (asked.vcpus, asked.tier, asked.bandwidth, asked.memoryMiB, asked.diskGiB) = (1, 3, 0, 1, 1);
        // 3/12 × 10,000 + 5000/1024 + 100 = 2604.9, × 0.8 = 2083.9, rounded up, + 5000.
        assertEq(escrow.leaseOf(opened(asked)).pricePerHour, 7084, "rounded up, once");
    }

    /// @notice The balance was short, the invoice was marked settled, and the operator had worked for nothing.
    function test_shortBalance_isSeenAndPaidAsFarAsItGoes() external {
        NaiveSkip naive = new NaiveSkip(IERC20(address(usdc)));
        payIn(naive, DEPOSIT);
        naive.settle("usage", tenant, OPERATOR, DEPOSIT + 1);
        assertTrue(naive.isSettled("usage") && naive.owed(OPERATOR) == 0, "naive: settled, and nobody paid");

        bytes32 leaseId = activated(terms());
        uint256 end = escrow.runsOutAt(leaseId);
        assertTrue(escrow.due(leaseId, end - 1) < DEPOSIT, "money left in the second before");
        assertEq(escrow.due(leaseId, end), DEPOSIT, "and none at the second named beforehand");
        vm.warp(end + 1 hours);
        settle(leaseId);
        assertEq(escrow.earnedOf(node), DEPOSIT, "everything paid in was paid out");
    }

    /// @notice An operator raised the price and the running machine was billed the new one.
    function test_priceRaisedMidLease_billsTheOldPrice() external {
        NaivePrice naive = new NaivePrice(IERC20(address(usdc)), OPERATOR, PRICE);
        payIn(naive, DEPOSIT);
        bytes32 leaseId = activated(terms());
        vm.startPrank(OPERATOR);
        naive.setPrice(PRICE * 10);
        registry.setPrices(node, Prices(100_000, 50_000, 1000, 1_000_000));
        vm.stopPrank();
        _setPolicy(1500, 15_000 * 10);
        forward(1 hours);
        naive.settle(tenant);
        assertEq(naive.owed(OPERATOR), PRICE * 10, "naive: ten times the agreed price");
        assertEq(escrow.due(leaseId, vm.getBlockTimestamp()), PRICE, "the agreed price");
        assertEq(escrow.leaseOf(leaseId).platformBps, 0, "and the agreed cut");
    }

    /// @notice A machine stood still for want of money, and the top-up paid for the time it stood still.
    function test_outage_isNotBilledOnTheTopUp() external {
        NaiveGap naive = new NaiveGap(IERC20(address(usdc)), PRICE);
        payIn(naive, DEPOSIT);
        bytes32 leaseId = activated(terms());
        vm.warp(escrow.runsOutAt(leaseId) + 10 hours);
        naive.settle(tenant, OPERATOR);
        payIn(naive, DEPOSIT);
        vm.prank(tenant);
        escrow.topUp(leaseId, DEPOSIT);
        naive.settle(tenant, OPERATOR);
        assertTrue(naive.owed(OPERATOR) >= DEPOSIT + 10 * PRICE, "naive: ten idle hours are billed");
        assertEq(escrow.due(leaseId, vm.getBlockTimestamp()), DEPOSIT, "only what ran before");
        assertEq(escrow.refundable(leaseId), DEPOSIT, "the top-up is whole");
    }

    /// @notice Nobody had settled for ten hours, so the tenant left with the whole deposit.
    function test_unsettledLease_isNotFree() external {
        NaiveLazySettlement naive = new NaiveLazySettlement(IERC20(address(usdc)));
        payIn(naive, DEPOSIT);
        bytes32 leaseId = activated(terms());
        forward(10 hours);
        uint256 before = usdc.balanceOf(tenant);
        vm.startPrank(tenant);
        naive.close();
        assertEq(usdc.balanceOf(tenant), before + DEPOSIT, "naive: ten hours for nothing");

        before = usdc.balanceOf(tenant);
        escrow.close(leaseId, tenant);
        vm.stopPrank();
        assertEq(usdc.balanceOf(tenant), before + DEPOSIT - 10 * PRICE, "ten hours are paid");
        forward(1 hours);
        settle(leaseId);
        assertEq(escrow.earnedOf(node), 10 * PRICE, "to the node");
    }

    /// @notice Two cuts on the gross stepped at once, the node's share fell, and what it had withdrawn was more than it had.
    function test_sharesNeverFall_whateverTheCuts() external {
        NaiveCuts naive = new NaiveCuts();
        naive.settle(19);
        naive.withdraw();
        naive.settle(20);
        vm.expectRevert(_UNDERFLOW);
        naive.withdrawable();

        (LeaseEscrow other, bytes32 leaseId) = _slowLeaseBehindARelay();
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = leaseId;
        uint256[3] memory earned;
        for (uint256 i = 0; i < 180; ++i) {
            forward(1);
            other.settle(ids);
            for (uint32 who = 0; who < 3; ++who) {
                uint256 now_ = other.earnedOf(who);
                assertTrue(now_ >= earned[who], "no share falls");
                earned[who] = now_;
            }
        }
        assertTrue(earned[0] >= 5 && earned[2] >= 9, "both cuts stepped several times");
        assertEq(earned[0] + earned[1] + earned[2], other.leaseOf(leaseId).settled, "and they add up");
    }

    /// @notice The meter ran while the machine was being built.
    function test_billing_beginsWhenTheGuestIsReady() external {
        NaiveStart naive = new NaiveStart(PRICE);
        bytes32 leaseId = opened(terms());
        forward(15 minutes);
        assertEq(naive.due(), PRICE / 4, "naive: a quarter of an hour without a machine");
        assertEq(escrow.due(leaseId, vm.getBlockTimestamp()), 0, "nothing is due");
        vm.prank(AGENT);
        escrow.activate(leaseId, FINGERPRINT);
        assertEq(escrow.due(leaseId, vm.getBlockTimestamp()), 0, "nor at the first second");
        forward(1 hours);
        assertEq(escrow.due(leaseId, vm.getBlockTimestamp()), PRICE, "an hour is an hour");
    }

    /// @notice The minimum charge was more than the deposit, and the tenant could not leave any more.
    function test_minimumCharge_isWithinTheDeposit() external {
        NaiveMinimum naive = new NaiveMinimum(IERC20(address(usdc)), (PRICE * 5) / 60);
        payIn(naive, PRICE / 60);
        vm.prank(tenant);
        vm.expectRevert(_UNDERFLOW);
        naive.close(OPERATOR);

        vm.prank(OPERATOR);
        registry.setTerms(node, 5 minutes, 0);
        Terms memory asked = terms();
        uint64 least = uint64((PRICE * 5 + 59) / 60);
        asked.deposit = least - 1;
        vm.prank(tenant);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.LeaseEscrow_DepositTooSmall.selector, least - 1, least)
        );
        escrow.open(asked, "");
        asked.deposit = least;
        bytes32 leaseId = activated(asked);
        uint256 before = usdc.balanceOf(tenant);
        vm.prank(tenant);
        escrow.close(leaseId, tenant);
        assertEq(escrow.earnedOf(node), (PRICE * 5) / 60, "five minutes");
        assertEq(usdc.balanceOf(tenant), before + least - (PRICE * 5) / 60, "and the rest is back");
    }

    /// @dev A lease of less than a unit a second, 5 % to the platform, then 10 % to relay 2: it passes every amount.
    function _slowLeaseBehindARelay() private returns (LeaseEscrow other, bytes32 leaseId) {
        _setPolicy(500, 0);
        StubRegistry stub = new StubRegistry();
        INodeRegistry.Offer memory offer = registry.offer(node);
        stub.setOffer(2, offer);
        (offer.relay, offer.relayBps) = (2, 1000);
        stub.setOffer(node, offer);
        other = newEscrow(INodeRegistry(address(stub)));
        Terms memory asked = terms();
        (asked.vcpus, asked.tier, asked.memoryMiB, asked.diskGiB) = (1, 3, 1, 1);
        asked.holdBack = 0;
        vm.startPrank(tenant);
        usdc.approve(address(other), DEPOSIT);
        leaseId = other.open(asked, "");
        vm.stopPrank();
        vm.prank(AGENT);
        other.activate(leaseId, FINGERPRINT);
    }

    function _setPolicy(uint16 platformBps, uint32 bandwidthRate) private {
        (
            Prices memory floors,
            Prices memory defaults,
            uint8[4] memory units,
            uint16[4] memory multipliers,
            uint32[4] memory rates,

        ) = policy.parameters();
        rates[1] = bandwidthRate;
        vm.prank(OWNER);
        policy.setParameters(floors, defaults, units, multipliers, rates, platformBps);
    }
}
