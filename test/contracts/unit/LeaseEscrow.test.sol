// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { IQuoteErrors } from "../../../contracts/src/interfaces/IQuoteErrors.sol";
import { LeaseDesk } from "../../../contracts/src/LeaseDesk.sol";
import { LeaseEscrow } from "../../../contracts/src/LeaseEscrow.sol";
import { Errors } from "../../../contracts/src/libraries/Errors.sol";
import { NodeRegistry } from "../../../contracts/src/NodeRegistry.sol";
import {
    Capacity,
    EndReason,
    Lease,
    LeaseStatus,
    Prices,
    Terms
} from "../../../contracts/src/types/DataTypes.sol";
import { deploy } from "../support/Deploy.sol";
import { Fixture } from "../support/Fixture.sol";
import { StubRegistry } from "../support/StubRegistry.sol";
import { vm } from "../support/Vm.sol";

/// @notice Behaviour by behaviour, as listed in LeaseEscrow.tree.
contract LeaseEscrowTest is Fixture {
    // ------------------------------------------------------------------------------------------------ open

    function test_open_pricesAndTakesTheDeposit() external {
        uint256 before = usdc.balanceOf(tenant);
        bytes32 leaseId = opened(terms());
        Lease memory lease = escrow.leaseOf(leaseId);
        assertTrue(leaseId == keccak256(abi.encode(block.chainid, address(escrow), terms())), "lease id");
        assertTrue(lease.status == LeaseStatus.Assigned, "status");
        assertEq(lease.pricePerHour, PRICE, "price");
        assertEq(lease.deposited, DEPOSIT, "deposited");
        assertEq(lease.activateBy, vm.getBlockTimestamp() + 15 minutes, "activate by");
        assertEq(lease.notice, 1 days, "notice");
        assertEq(lease.minCharge, 60, "minimum charge");
        assertTrue(lease.tenant == tenant, "tenant");
        assertTrue(escrow.payeeOf(node) == OPERATOR, "payee");
        assertEq(before - usdc.balanceOf(tenant), DEPOSIT, "paid");
        assertEq(usdc.balanceOf(address(escrow)), DEPOSIT, "held");
        Capacity memory used = escrow.inUse(node);
        assertEq(used.pointUnits, 16, "units");
        assertEq(used.memoryMiB, 4096, "memory");
        assertEq(used.diskGiB, 40, "disk");
        assertEq(escrow.refundable(leaseId), DEPOSIT, "refundable");
    }

    function test_open_refusesAnotherCaller() external {
        bytes32 leaseId = escrow.leaseIdOf(terms());
        _refuse(
            STRANGER,
            terms(),
            abi.encodeWithSelector(Errors.LeaseEscrow_NotTenant.selector, leaseId, tenant, STRANGER)
        );
    }

    function test_open_refusesTheSameTermsTwice() external {
        bytes32 leaseId = opened(terms());
        _refuse(tenant, terms(), abi.encodeWithSelector(Errors.LeaseEscrow_AlreadyOpened.selector, leaseId));
        vm.prank(tenant);
        escrow.close(leaseId, address(0));
        _refuse(tenant, terms(), abi.encodeWithSelector(Errors.LeaseEscrow_AlreadyOpened.selector, leaseId));
    }

    function test_open_refusesATemplateThatDoesNotExist() external {
        Terms memory asked = terms();
        (asked.template, asked.templateVersion) = (7, 1);
        _refuse(
            tenant,
            asked,
            abi.encodeWithSelector(IQuoteErrors.LeaseEscrow_TemplateNotActive.selector, 7, 1)
        );
    }

    function test_open_refusesAnUnknownOrDrainedNode() external {
        Terms memory asked = terms();
        asked.node = 99;
        _refuse(tenant, asked, abi.encodeWithSelector(IQuoteErrors.LeaseEscrow_NodeNotActive.selector, 99));
        vm.prank(OPERATOR);
        registry.setActive(node, false);
        _refuse(
            tenant,
            terms(),
            abi.encodeWithSelector(IQuoteErrors.LeaseEscrow_NodeNotActive.selector, node)
        );
    }

    function test_open_refusesAPriceAboveTheMaximum() external {
        Terms memory asked = terms();
        asked.maxPricePerHour = uint64(PRICE) - 1;
        _refuse(
            tenant,
            asked,
            abi.encodeWithSelector(
                IQuoteErrors.LeaseEscrow_PriceAboveMaximum.selector,
                escrow.leaseIdOf(asked),
                PRICE,
                PRICE - 1
            )
        );
        asked.maxPricePerHour = uint64(PRICE);
        opened(asked);
    }

    function test_open_refusesMoreThanIsFree() external {
        Terms memory asked = terms();
        asked.memoryMiB = 32_769;
        asked.maxPricePerHour = type(uint64).max;
        _refuse(tenant, asked, _noCapacity("memory", 32_769, 32_768));
        asked = terms();
        asked.diskGiB = 501;
        asked.maxPricePerHour = type(uint64).max;
        _refuse(tenant, asked, _noCapacity("disk", 501, 500));
        asked = terms();
        asked.gpus = 2;
        asked.maxPricePerHour = type(uint64).max;
        _refuse(tenant, asked, _noCapacity("gpu", 2, 1));
        asked = terms();
        asked.vcpus = 10;
        asked.maxPricePerHour = type(uint64).max;
        opened(asked);
        asked.vcpus = 3;
        _refuse(tenant, asked, _noCapacity("compute", 24, 16));
    }

    function test_open_refusesTermsOutOfRange() external {
        Terms memory asked = terms();
        asked.holdBack = 1 days + 1;
        _refuse(tenant, asked, _outOfRange("holdBack", 1 days + 1, 0, 1 days));
        asked = terms();
        asked.activateWithin = 59;
        _refuse(tenant, asked, _outOfRange("activateWithin", 59, 60, 1 days));
        asked.activateWithin = 1 days + 1;
        _refuse(tenant, asked, _outOfRange("activateWithin", 1 days + 1, 60, 1 days));
        asked = terms();
        asked.vcpus = 0;
        _refuse(tenant, asked, _outOfRange("pointUnits", 0, 1, type(uint16).max));
        asked = terms();
        asked.memoryMiB = 0;
        _refuse(tenant, asked, _outOfRange("memoryMiB", 0, 1, type(uint24).max));
        asked = terms();
        asked.diskGiB = 65_536;
        _refuse(tenant, asked, _outOfRange("diskGiB", 65_536, 1, type(uint16).max));
        asked = terms();
        asked.tier = 4;
        _refuse(tenant, asked, abi.encodeWithSelector(Errors.PricePolicy_UnknownTier.selector, 4));
        asked = terms();
        asked.bandwidth = 4;
        _refuse(tenant, asked, abi.encodeWithSelector(Errors.PricePolicy_UnknownBandwidth.selector, 4));
        asked = terms();
        asked.minNotice = 1 days + 1;
        _refuse(
            tenant,
            asked,
            abi.encodeWithSelector(IQuoteErrors.LeaseEscrow_NoticeTooShort.selector, node, 1 days, 1 days + 1)
        );
    }

    function test_open_refusesADepositUnderTheLeastRunway() external {
        Terms memory asked = terms();
        // 60 s at 52,334 µUSDC per hour is 872.2…, rounded up.
        asked.deposit = 872;
        _refuse(tenant, asked, abi.encodeWithSelector(Errors.LeaseEscrow_DepositTooSmall.selector, 872, 873));
        vm.prank(OPERATOR);
        registry.setTerms(node, 300, 1 days);
        asked.deposit = 4361;
        _refuse(
            tenant,
            asked,
            abi.encodeWithSelector(Errors.LeaseEscrow_DepositTooSmall.selector, 4361, 4362)
        );
        asked.deposit = 4362;
        opened(asked);
    }

    function test_open_holdsTheRegistryToTheCapsInCode() external {
        StubRegistry stub = new StubRegistry();
        LeaseEscrow other = newEscrow(INodeRegistry(address(stub)));
        INodeRegistry.Offer memory offer = registry.offer(node);
        offer.minCharge = 301;
        stub.setOffer(node, offer);
        vm.prank(tenant);
        vm.expectRevert(
            abi.encodeWithSelector(IQuoteErrors.LeaseEscrow_AboveCap.selector, "minCharge", 301, 300)
        );
        other.open(terms(), "");
        offer.minCharge = 0;
        offer.relayBps = 2001;
        stub.setOffer(node, offer);
        vm.prank(tenant);
        vm.expectRevert(
            abi.encodeWithSelector(IQuoteErrors.LeaseEscrow_AboveCap.selector, "relayBps", 2001, 2000)
        );
        other.open(terms(), "");
    }

    function test_open_liftsAPriceUnderARaisedFloor() external {
        vm.prank(OPERATOR);
        registry.setPrices(node, Prices({ point: 5000, memoryGiB: 2500, diskGiB: 50, gpu: 50_000 }));
        (
            Prices memory floors,
            Prices memory defaults,
            uint8[4] memory units,
            uint16[4] memory mult,
            uint32[4] memory rates,

        ) = policy.parameters();
        floors.diskGiB = 100;
        vm.prank(OWNER);
        policy.setParameters(floors, defaults, units, mult, rates, 0);
        Lease memory lease = escrow.leaseOf(opened(terms()));
        // 16/12 × 5,000 + 4 × 2,500 + 40 × 100 = 20,666.6… → 20,667, + 15,000.
        assertEq(lease.pricePerHour, 35_667, "price");
    }

    function test_openFromBalance_takesFromTheBalance() external {
        vm.startPrank(tenant);
        escrow.deposit(DEPOSIT + 5);
        escrow.openFromBalance(terms(), "");
        vm.stopPrank();
        assertEq(escrow.balanceOf(tenant), 5, "balance");
        Terms memory more = terms();
        more.salt = bytes32(uint256(1));
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(Errors.Ledger_BalanceTooLow.selector, tenant, 5, DEPOSIT));
        escrow.openFromBalance(more, "");
    }

    function test_openWithPermit_worksFrontRunOrNot() external {
        vm.prank(tenant);
        usdc.approve(address(escrow), 0);
        for (uint256 i = 0; i < 2; ++i) {
            Terms memory asked = terms();
            asked.salt = bytes32(i);
            (uint8 v, bytes32 r, bytes32 s) = _permit(asked.deposit);
            if (i == 1) {
                vm.prank(STRANGER);
                usdc.permit(tenant, address(escrow), asked.deposit, type(uint256).max, v, r, s);
            }
            vm.prank(tenant);
            escrow.openWithPermit(asked, "", type(uint256).max, v, r, s);
            assertEq(usdc.allowance(tenant, address(escrow)), 0, "allowance");
        }
        assertEq(usdc.balanceOf(address(escrow)), 2 * uint256(DEPOSIT), "held");
    }

    // ------------------------------------------------------------------------------------------------ activate

    function test_activate_startsBilling() external {
        bytes32 leaseId = activated(terms());
        Lease memory lease = escrow.leaseOf(leaseId);
        assertTrue(lease.status == LeaseStatus.Active, "status");
        assertEq(lease.startedAt, vm.getBlockTimestamp(), "started");
        forward(1 hours);
        assertEq(escrow.due(leaseId, vm.getBlockTimestamp()), PRICE, "due");
        assertEq(escrow.refundable(leaseId), DEPOSIT - PRICE, "refundable");
    }

    function test_activate_isTheAgentsInTimeAndOnce() external {
        bytes32 leaseId = opened(terms());
        vm.prank(OPERATOR);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.LeaseEscrow_NotAgent.selector, leaseId, AGENT, OPERATOR)
        );
        escrow.activate(leaseId, FINGERPRINT);
        uint256 by = escrow.leaseOf(leaseId).activateBy;
        vm.warp(by + 1);
        vm.prank(AGENT);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseEscrow_ActivationTooLate.selector, leaseId, by));
        escrow.activate(leaseId, FINGERPRINT);
        vm.warp(by);
        vm.prank(AGENT);
        escrow.activate(leaseId, FINGERPRINT);
        vm.prank(AGENT);
        vm.expectRevert(_wrongStatus(leaseId, LeaseStatus.Active));
        escrow.activate(leaseId, FINGERPRINT);
    }

    // ------------------------------------------------------------------------------------------------ settle

    function test_settle_paysOnlyWhatHasVested() external {
        bytes32 leaseId = activated(terms());
        forward(1 hours);
        settle(leaseId);
        assertEq(escrow.earnedOf(node), 0, "earned within the hold-back");
        forward(30 minutes);
        settle(leaseId);
        assertEq(escrow.earnedOf(node), PRICE / 2, "earned after it");
        assertEq(escrow.leaseOf(leaseId).settled, PRICE / 2, "settled");
        assertEq(escrow.vested(leaseId, vm.getBlockTimestamp()), PRICE / 2, "vested");
    }

    function test_settle_skipsWhatItDoesNotKnow() external {
        bytes32[] memory ids = new bytes32[](4);
        ids[0] = keccak256("unknown");
        ids[1] = opened(terms());
        Terms memory second = terms();
        second.salt = bytes32(uint256(1));
        ids[2] = activated(second);
        ids[3] = ids[2];
        forward(2 hours);
        escrow.settle(ids);
        assertEq(escrow.earnedOf(node), PRICE, "earned");
    }

    // ------------------------------------------------------------------------------------------------ top up

    function test_topUp_movesTheEndAndKeepsTheMeter() external {
        bytes32 leaseId = activated(terms());
        uint256 before = escrow.runsOutAt(leaseId);
        uint40 started = escrow.leaseOf(leaseId).startedAt;
        fund(STRANGER, 1_000_000);
        vm.prank(STRANGER);
        escrow.topUp(leaseId, uint64(PRICE));
        assertEq(escrow.runsOutAt(leaseId), before + 1 hours, "runs out");
        assertEq(escrow.leaseOf(leaseId).startedAt, started, "started");
    }

    function test_topUp_afterDepletionNeverBillsTheGap() external {
        Terms memory asked = terms();
        asked.deposit = uint64(PRICE) * 2 + 1;
        bytes32 leaseId = activated(asked);
        forward(30 hours);
        assertEq(escrow.refundable(leaseId), 0, "refundable while depleted");
        vm.prank(tenant);
        escrow.topUp(leaseId, uint64(PRICE));
        assertEq(escrow.refundable(leaseId), PRICE, "all of the top-up is there");
        assertEq(escrow.leaseOf(leaseId).paidBefore, asked.deposit, "paid before");
        forward(30 minutes);
        assertEq(escrow.refundable(leaseId), PRICE / 2, "half an hour later");
        assertEq(escrow.runsOutAt(leaseId), vm.getBlockTimestamp() + 30 minutes, "runs out");
        forward(100 hours);
        settle(leaseId);
        assertEq(escrow.earnedOf(node), uint256(asked.deposit) + PRICE, "all earned in the end");
    }

    function test_topUp_afterDepletionKeepsTheHoldBack() external {
        Terms memory asked = terms();
        asked.deposit = uint64(PRICE) * 2;
        bytes32 leaseId = activated(asked);
        // Depleted a minute ago: of the last hour, all but a minute is still creditable.
        forward(2 hours + 1 minutes);
        vm.prank(tenant);
        escrow.topUp(leaseId, uint64(PRICE));
        uint256 vested = (PRICE * 61) / 60;
        assertEq(escrow.leaseOf(leaseId).settled, vested, "settled by the top-up");
        settle(leaseId);
        assertEq(escrow.leaseOf(leaseId).settled, vested, "no more at once");
        forward(1 hours);
        settle(leaseId);
        assertEq(escrow.leaseOf(leaseId).settled, 2 * PRICE, "an hour on");
    }

    function test_topUp_refusesDustAfterDepletion() external {
        bytes32 leaseId = activated(terms());
        vm.warp(escrow.runsOutAt(leaseId));
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseEscrow_DepositTooSmall.selector, 872, 873));
        escrow.topUp(leaseId, 872);
    }

    function test_topUp_refusesNothingTooMuchAndTheDead() external {
        bytes32 leaseId = opened(terms());
        vm.startPrank(tenant);
        vm.expectRevert(abi.encodeWithSelector(Errors.Ledger_ZeroAmount.selector));
        escrow.topUp(leaseId, 0);
        vm.expectRevert(
            abi.encodeWithSelector(
                Errors.LeaseEscrow_DepositTooLarge.selector,
                uint256(type(uint64).max) + DEPOSIT,
                type(uint64).max
            )
        );
        escrow.topUp(leaseId, type(uint64).max);
        vm.expectRevert(_wrongStatus(keccak256("none"), LeaseStatus.None));
        escrow.topUp(keccak256("none"), 1);
        escrow.close(leaseId, address(0));
        vm.expectRevert(_wrongStatus(leaseId, LeaseStatus.Ended));
        escrow.topUpFromBalance(leaseId, 1);
        vm.stopPrank();
    }

    // ------------------------------------------------------------------------------------------------ close

    function test_close_refundsInTheSameTransaction() external {
        bytes32 leaseId = activated(terms());
        forward(90 minutes);
        vm.prank(tenant);
        escrow.close(leaseId, STRANGER);
        uint256 bill = (PRICE * 3) / 2;
        assertEq(usdc.balanceOf(STRANGER), DEPOSIT - bill, "refund");
        assertEq(escrow.balanceOf(tenant), 0, "balance");
        assertEq(escrow.earnedOf(node), PRICE / 2, "vested at the close");
        assertEq(escrow.inUse(node).pointUnits, 0, "capacity");
        Lease memory lease = escrow.leaseOf(leaseId);
        assertTrue(lease.endReason == EndReason.ClosedByTenant, "reason");
        forward(1 hours - 1);
        settle(leaseId);
        assertTrue(escrow.earnedOf(node) < bill, "a second before the hold-back is over");
        forward(1);
        settle(leaseId);
        assertEq(escrow.earnedOf(node), bill, "all of the bill");
    }

    function test_close_chargesTheMinimumOnlyOnceActive() external {
        bytes32 leaseId = activated(terms());
        vm.prank(tenant);
        escrow.close(leaseId, address(0));
        assertEq(DEPOSIT - escrow.balanceOf(tenant), (PRICE * 60) / 3600, "minimum charge");
        Terms memory second = terms();
        second.salt = bytes32(uint256(1));
        leaseId = opened(second);
        uint256 before = escrow.balanceOf(tenant);
        vm.prank(tenant);
        escrow.close(leaseId, address(0));
        assertEq(escrow.balanceOf(tenant) - before, DEPOSIT, "never active");
        assertTrue(escrow.leaseOf(leaseId).endReason == EndReason.Cancelled, "reason");
    }

    function test_close_isTheTenantsAndOnce() external {
        bytes32 leaseId = activated(terms());
        vm.prank(STRANGER);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.LeaseEscrow_NotTenant.selector, leaseId, tenant, STRANGER)
        );
        escrow.close(leaseId, STRANGER);
        vm.startPrank(tenant);
        escrow.close(leaseId, address(0));
        vm.expectRevert(_wrongStatus(leaseId, LeaseStatus.Ended));
        escrow.close(leaseId, address(0));
        vm.stopPrank();
    }

    function test_close_fallsBackToTheBalanceWhenUsdcRefuses() external {
        for (uint256 i = 0; i < 4; ++i) {
            Terms memory asked = terms();
            asked.salt = bytes32(i);
            bytes32 leaseId = opened(asked);
            vm.startPrank(OWNER);
            if (i == 0) usdc.pause();
            if (i == 1) usdc.blacklist(tenant);
            if (i == 2) usdc.blacklist(address(escrow));
            vm.stopPrank();
            uint256 before = escrow.balanceOf(tenant);
            vm.prank(tenant);
            escrow.close(leaseId, i == 3 ? address(escrow) : tenant);
            assertEq(escrow.balanceOf(tenant) - before, DEPOSIT, "balance");
            vm.startPrank(OWNER);
            usdc.unpause();
            usdc.unBlacklist(tenant);
            usdc.unBlacklist(address(escrow));
            vm.stopPrank();
        }
        vm.prank(tenant);
        escrow.withdraw(STRANGER, 4 * uint256(DEPOSIT));
        assertEq(usdc.balanceOf(STRANGER), 4 * uint256(DEPOSIT), "withdrawn later");
    }

    // ------------------------------------------------------------------------------------------------ expire, end

    function test_expire_refundsAllToTheBalance() external {
        bytes32 leaseId = opened(terms());
        uint256 by = escrow.leaseOf(leaseId).activateBy;
        vm.warp(by);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseEscrow_NotExpiredYet.selector, leaseId, by));
        escrow.expire(leaseId);
        vm.warp(by + 1);
        vm.prank(STRANGER);
        escrow.expire(leaseId);
        assertEq(escrow.balanceOf(tenant), DEPOSIT, "balance");
        assertTrue(escrow.leaseOf(leaseId).endReason == EndReason.Expired, "reason");
        assertEq(escrow.inUse(node).memoryMiB, 0, "capacity");
    }

    function test_end_waits72HoursAfterDepletion() external {
        bytes32 leaseId = activated(terms());
        uint256 from = escrow.runsOutAt(leaseId) + 72 hours;
        vm.warp(from - 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseEscrow_NotEndableYet.selector, leaseId, from));
        escrow.end(leaseId);
        vm.warp(from);
        vm.prank(STRANGER);
        escrow.end(leaseId);
        assertEq(escrow.earnedOf(node), DEPOSIT, "earned");
        assertEq(escrow.inUse(node).diskGiB, 0, "capacity");
        assertTrue(escrow.leaseOf(leaseId).endReason == EndReason.Depleted, "reason");
        assertEq(escrow.runsOutAt(leaseId), 0, "runs out");
        assertEq(escrow.refundable(leaseId), 0, "refundable");
    }

    // ------------------------------------------------------------------------------------------------ ledger

    function test_withdrawEarned_isThePayees() external {
        _earn();
        uint256 earned = escrow.earnedOf(node);
        vm.prank(AGENT);
        vm.expectRevert(abi.encodeWithSelector(Errors.Ledger_NotPayee.selector, node, OPERATOR, AGENT));
        escrow.withdrawEarned(node, AGENT, 1);
        vm.startPrank(OPERATOR);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Ledger_EarnedTooLow.selector, node, earned, earned + 1)
        );
        escrow.withdrawEarned(node, OPERATOR, earned + 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.Ledger_ZeroAmount.selector));
        escrow.withdrawEarned(node, OPERATOR, 0);
        vm.expectRevert(abi.encodeWithSelector(Errors.Ledger_BadRecipient.selector, address(escrow)));
        escrow.withdrawEarned(node, address(escrow), 1);
        escrow.withdrawEarned(node, STRANGER, earned);
        vm.stopPrank();
        assertEq(usdc.balanceOf(STRANGER), earned, "paid");
        assertEq(escrow.earnedOf(node), 0, "earned");
    }

    function test_payee_rotatesInTwoSteps() external {
        _earn();
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(Errors.Ledger_NotPayee.selector, node, OPERATOR, STRANGER));
        escrow.proposePayee(node, STRANGER);
        vm.prank(OPERATOR);
        escrow.proposePayee(node, STRANGER);
        assertTrue(escrow.payeeOf(node) == OPERATOR, "still the operator");
        assertTrue(escrow.pendingPayeeOf(node) == STRANGER, "pending");
        vm.prank(AGENT);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Ledger_NotPendingPayee.selector, node, STRANGER, AGENT)
        );
        escrow.acceptPayee(node);
        vm.prank(STRANGER);
        escrow.acceptPayee(node);
        assertTrue(escrow.payeeOf(node) == STRANGER, "rotated");
        assertTrue(escrow.pendingPayeeOf(node) == address(0), "no longer pending");
    }

    function test_payee_ofANodeWithoutLeasesIsNobody() external {
        vm.prank(address(0));
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Ledger_NotPendingPayee.selector, node, address(0), address(0))
        );
        escrow.acceptPayee(node);
    }

    function test_withdraw_refusesMoreThanThereIs() external {
        vm.startPrank(tenant);
        escrow.deposit(10);
        vm.expectRevert(abi.encodeWithSelector(Errors.Ledger_BalanceTooLow.selector, tenant, 10, 11));
        escrow.withdraw(tenant, 11);
        vm.expectRevert(abi.encodeWithSelector(Errors.Ledger_BadRecipient.selector, address(0)));
        escrow.withdraw(address(0), 1);
        escrow.withdraw(STRANGER, 10);
        vm.stopPrank();
        assertEq(usdc.balanceOf(STRANGER), 10, "withdrawn");
    }

    function test_sendRefund_isForTheEscrowAlone() external {
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(Errors.Ledger_OnlySelf.selector, STRANGER));
        escrow.sendRefund(tenant, STRANGER, 1);
    }

    // ------------------------------------------------------------------------------------------------ pointers

    function test_pointers_moveAfterSevenDaysOnly() external {
        LeaseDesk desk = LeaseDesk(address(escrow.DESK()));
        NodeRegistry next = NodeRegistry(deploy("NodeRegistry", abi.encode(policy)));
        vm.prank(STRANGER);
        vm.expectRevert();
        desk.announcePointers(next, policy);
        vm.startPrank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(Errors.Pointers_NothingAnnounced.selector));
        desk.movePointers();
        vm.expectRevert(abi.encodeWithSelector(Errors.Pointers_NoCode.selector, STRANGER));
        desk.announcePointers(INodeRegistry(STRANGER), policy);
        desk.announcePointers(next, policy);
        uint256 from = vm.getBlockTimestamp() + 7 days;
        vm.warp(from - 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.Pointers_TooEarly.selector, from));
        desk.movePointers();
        vm.warp(from);
        desk.movePointers();
        vm.stopPrank();
        assertTrue(address(desk.registry()) == address(next), "registry");
        assertEq(desk.pointersMoveAt(), 0, "nothing announced");
    }

    // ------------------------------------------------------------------------------------------------ helpers

    function _earn() private {
        bytes32 leaseId = activated(terms());
        forward(3 hours);
        settle(leaseId);
    }

    function _permit(uint256 value) private view returns (uint8 v, bytes32 r, bytes32 s) {
        bytes32 structHash = keccak256(
            abi.encode(
                usdc.PERMIT_TYPEHASH(),
                tenant,
                address(escrow),
                value,
                usdc.nonces(tenant),
                type(uint256).max
            )
        );
        return
            vm.sign(TENANT_KEY, keccak256(abi.encodePacked(hex"1901", usdc.DOMAIN_SEPARATOR(), structHash)));
    }

    function _refuse(address caller, Terms memory asked, bytes memory reason) private {
        vm.prank(caller);
        vm.expectRevert(reason);
        escrow.open(asked, "");
    }

    function _noCapacity(
        string memory resource,
        uint256 needed,
        uint256 free
    ) private view returns (bytes memory) {
        return
            abi.encodeWithSelector(
                IQuoteErrors.LeaseEscrow_NoCapacity.selector,
                node,
                resource,
                needed,
                free
            );
    }

    function _outOfRange(
        string memory t,
        uint256 v,
        uint256 a,
        uint256 b
    ) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IQuoteErrors.LeaseEscrow_TermOutOfRange.selector, t, v, a, b);
    }

    function _wrongStatus(bytes32 leaseId, LeaseStatus status) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Errors.LeaseEscrow_WrongStatus.selector, leaseId, status);
    }
}
