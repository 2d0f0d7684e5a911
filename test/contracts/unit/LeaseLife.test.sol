// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { IQuoteErrors } from "../../../contracts/src/interfaces/IQuoteErrors.sol";
import { ITemplateRegistry } from "../../../contracts/src/interfaces/ITemplateRegistry.sol";
import { DowntimeQuorum } from "../../../contracts/src/DowntimeQuorum.sol";
import { LeaseDesk } from "../../../contracts/src/LeaseDesk.sol";
import { LeaseEscrow } from "../../../contracts/src/LeaseEscrow.sol";
import { Errors } from "../../../contracts/src/libraries/Errors.sol";
import { TemplateRegistry } from "../../../contracts/src/TemplateRegistry.sol";
import { EndReason, Lease, LeaseStatus, Terms } from "../../../contracts/src/types/DataTypes.sol";
import { authorizationDigest, signedBy } from "../support/Authorization.sol";
import { deploy } from "../support/Deploy.sol";
import { Fixture } from "../support/Fixture.sol";
import { StubRegistry } from "../support/StubRegistry.sol";
import { vm } from "../support/Vm.sol";
import { Wallet } from "../support/Wallet.sol";

/// @notice Behaviour by behaviour, as listed in LeaseLife.tree.
contract LeaseLifeTest is Fixture {
    address internal constant SCHEDULER = address(0xD11);
    address internal constant GUARDIAN = address(0xD12);
    LeaseDesk internal desk;

    function setUp() public override {
        super.setUp();
        desk = LeaseDesk(address(escrow.DESK()));
        vm.startPrank(OWNER);
        desk.setScheduler(SCHEDULER);
        desk.setGuardian(GUARDIAN);
        vm.stopPrank();
    }

    // ------------------------------------------------------------------------------------------------ requests

    function test_open_holdsARequestWithoutANode() external {
        bytes32 leaseId = opened(_request());
        Lease memory lease = escrow.leaseOf(leaseId);
        assertTrue(lease.status == LeaseStatus.Requested, "status");
        assertEq(lease.deposited, DEPOSIT, "deposited");
        assertEq(lease.pricePerHour, 0, "no price");
        assertEq(escrow.inUse(node).pointUnits, 0, "no capacity");
        assertEq(escrow.refundable(leaseId), DEPOSIT, "refundable");
        vm.prank(tenant);
        vm.expectRevert(_wrongStatus(leaseId, LeaseStatus.Requested));
        escrow.topUp(leaseId, 1000);
        vm.prank(AGENT);
        vm.expectRevert(_wrongStatus(leaseId, LeaseStatus.Requested));
        escrow.activate(leaseId, FINGERPRINT);
    }

    function test_assign_isTheSchedulersForAMinuteThenAnyAgentsForItsNode() external {
        Terms memory asked = _request();
        bytes32 leaseId = opened(asked);
        uint256 from = vm.getBlockTimestamp() + 60;
        vm.warp(from - 1);
        vm.prank(AGENT);
        vm.expectRevert(_notAssigner(leaseId, from, AGENT));
        escrow.assign(asked, node);
        vm.warp(from);
        vm.prank(STRANGER);
        vm.expectRevert(_notAssigner(leaseId, from, STRANGER));
        escrow.assign(asked, node);
        vm.prank(AGENT);
        escrow.assign(asked, node);
        Lease memory lease = escrow.leaseOf(leaseId);
        assertTrue(lease.status == LeaseStatus.Assigned, "status");
        assertEq(lease.pricePerHour, PRICE, "price");
        assertEq(lease.node, node, "node");
        assertEq(lease.activateBy, vm.getBlockTimestamp() + 15 minutes, "from the assignment on");
        assertEq(escrow.inUse(node).pointUnits, 16, "capacity");
        vm.prank(SCHEDULER);
        vm.expectRevert(_wrongStatus(leaseId, LeaseStatus.Assigned));
        escrow.assign(asked, node);
        vm.prank(AGENT);
        escrow.activate(leaseId, FINGERPRINT);
        assertTrue(escrow.leaseOf(leaseId).status == LeaseStatus.Active, "active");
    }

    function test_assign_bySchedulerChecksWhatTheTenantAskedFor() external {
        Terms memory asked = _request();
        asked.region = "us-east";
        opened(asked);
        vm.prank(SCHEDULER);
        vm.expectRevert(
            abi.encodeWithSelector(
                IQuoteErrors.LeaseEscrow_RegionMismatch.selector,
                node,
                bytes8("eu-west"),
                bytes8("us-east")
            )
        );
        escrow.assign(asked, node);
        asked = _request();
        asked.maxPricePerHour = uint64(PRICE - 1);
        bytes32 leaseId = opened(asked);
        vm.prank(SCHEDULER);
        vm.expectRevert(
            abi.encodeWithSelector(
                IQuoteErrors.LeaseEscrow_PriceAboveMaximum.selector,
                leaseId,
                PRICE,
                PRICE - 1
            )
        );
        escrow.assign(asked, node);
        asked = _request();
        asked.gpus = 2;
        asked.maxPricePerHour = type(uint64).max;
        opened(asked);
        vm.prank(SCHEDULER);
        vm.expectRevert(
            abi.encodeWithSelector(IQuoteErrors.LeaseEscrow_NoCapacity.selector, node, "gpu", 2, 1)
        );
        escrow.assign(asked, node);
        // Other terms have another id: nothing was requested under it.
        asked.deposit += 1;
        leaseId = escrow.leaseIdOf(asked);
        vm.prank(SCHEDULER);
        vm.expectRevert(_wrongStatus(leaseId, LeaseStatus.None));
        escrow.assign(asked, node);
    }

    function test_request_lapsesAfterADayOrIsCancelled() external {
        Terms memory asked = _request();
        bytes32 leaseId = opened(asked);
        uint256 by = vm.getBlockTimestamp() + 1 days;
        vm.warp(by);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseEscrow_NotExpiredYet.selector, leaseId, by));
        escrow.expire(leaseId);
        vm.warp(by + 1);
        vm.prank(SCHEDULER);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseEscrow_RequestLapsed.selector, leaseId, by));
        escrow.assign(asked, node);
        vm.prank(STRANGER);
        escrow.expire(leaseId);
        assertEq(escrow.balanceOf(tenant), DEPOSIT, "all of it");
        asked.salt = bytes32(uint256(1));
        leaseId = opened(asked);
        vm.prank(tenant);
        escrow.close(leaseId, address(0));
        assertEq(escrow.balanceOf(tenant), 2 * uint256(DEPOSIT), "cancelled");
        assertTrue(escrow.leaseOf(leaseId).endReason == EndReason.Cancelled, "reason");
        (uint32 hosted, uint32 completed) = escrow.nodeCounters(node);
        assertEq(uint256(hosted) + completed, 0, "counters");
    }

    // ------------------------------------------------------------------------------------------------ one signature

    function test_openWithAuthorization_byAnybodyForExactlyTheseTerms() external {
        Terms memory asked = terms();
        bytes memory signature = signedBy(TENANT_KEY, _authorizationDigest(asked));
        Terms memory other = terms();
        other.node = 0;
        vm.expectRevert();
        escrow.openWithAuthorization(other, "", 0, type(uint256).max, signature);
        vm.prank(tenant);
        usdc.approve(address(escrow), 0);
        vm.prank(STRANGER);
        bytes32 leaseId = escrow.openWithAuthorization(asked, "", 0, type(uint256).max, signature);
        assertTrue(escrow.leaseOf(leaseId).tenant == tenant, "tenant");
        assertEq(usdc.balanceOf(address(escrow)), DEPOSIT, "held");
    }

    function test_openWithAuthorization_byAContractWallet() external {
        Terms memory asked = terms();
        asked.tenant = address(new Wallet(tenant));
        fund(asked.tenant, DEPOSIT);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(TENANT_KEY, _authorizationDigest(asked));
        vm.prank(STRANGER);
        escrow.openWithAuthorization(asked, "", 0, type(uint256).max, abi.encode(r, s, v));
        assertEq(usdc.balanceOf(asked.tenant), 0, "paid");
    }

    function test_openStack_isAllOrNothing() external {
        Terms[] memory stack = new Terms[](2);
        bytes[] memory manifests = new bytes[](2);
        (stack[0], stack[1]) = (terms(), terms());
        bytes32 first = escrow.leaseIdOf(stack[0]);
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseEscrow_AlreadyOpened.selector, first));
        escrow.openStack(stack, manifests, false);
        assertEq(usdc.balanceOf(address(escrow)), 0, "nothing");
        stack[1].salt = bytes32(uint256(1));
        vm.prank(tenant);
        bytes32 stackId = escrow.openStack(stack, manifests, false);
        bytes32[] memory ids = new bytes32[](2);
        (ids[0], ids[1]) = (escrow.leaseIdOf(stack[0]), escrow.leaseIdOf(stack[1]));
        assertTrue(stackId == keccak256(abi.encode(ids)), "stack id");
        assertEq(usdc.balanceOf(address(escrow)), 2 * uint256(DEPOSIT), "paid at once");
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseEscrow_BadStack.selector, 2, 1));
        escrow.openStack(stack, new bytes[](1), true);
    }

    // ------------------------------------------------------------------------------------------------ reclaim

    function test_reclaim_afterTheNoticeByTheOperatorInTheEscrow() external {
        bytes32 leaseId = activated(terms());
        vm.prank(OPERATOR);
        vm.expectRevert(_reclaimNotDue(leaseId, 0));
        escrow.reclaim(leaseId);
        vm.prank(tenant);
        vm.expectRevert(_notOperator(leaseId, tenant));
        escrow.startReclaim(leaseId, "hardware");
        // Another operator in the registry is none here.
        vm.prank(OPERATOR);
        registry.proposeOperator(node, STRANGER);
        vm.prank(STRANGER);
        registry.acceptOperator(node);
        vm.prank(STRANGER);
        vm.expectRevert(_notOperator(leaseId, STRANGER));
        escrow.startReclaim(leaseId, "hardware");
        vm.prank(OPERATOR);
        escrow.startReclaim(leaseId, "hardware");
        uint256 from = vm.getBlockTimestamp() + 1 days;
        assertEq(escrow.reclaimableFrom(leaseId), from, "from");
        vm.warp(from - 1);
        vm.startPrank(OPERATOR);
        escrow.startReclaim(leaseId, "again");
        vm.expectRevert(_reclaimNotDue(leaseId, from));
        escrow.reclaim(leaseId);
        vm.warp(from);
        escrow.reclaim(leaseId);
        vm.stopPrank();
        assertTrue(escrow.leaseOf(leaseId).endReason == EndReason.ReclaimedByOperator, "reason");
        assertEq(escrow.balanceOf(tenant), DEPOSIT - 24 * PRICE, "refund");
        (uint32 hosted, uint32 completed) = escrow.nodeCounters(node);
        assertEq(hosted, 1, "hosted");
        assertEq(completed, 0, "no clean end");
    }

    function test_reclaim_aNoticeLapsesSevenDaysAfterItsEnd() external {
        Terms memory asked = terms();
        asked.deposit = 100_000_000;
        bytes32 leaseId = activated(asked);
        vm.startPrank(OPERATOR);
        escrow.startReclaim(leaseId, "in advance");
        uint256 from = vm.getBlockTimestamp() + 1 days;
        vm.warp(from + 7 days - 1);
        escrow.startReclaim(leaseId, "it stands to the last second");
        assertEq(escrow.reclaimableFrom(leaseId), from, "the same notice");
        vm.warp(from + 7 days);
        vm.expectRevert(_reclaimNotDue(leaseId, from));
        escrow.reclaim(leaseId);
        escrow.startReclaim(leaseId, "anew");
        from = vm.getBlockTimestamp() + 1 days;
        assertEq(escrow.reclaimableFrom(leaseId), from, "a whole notice");
        vm.expectRevert(_reclaimNotDue(leaseId, from));
        escrow.reclaim(leaseId);
        vm.warp(from + 7 days - 1);
        escrow.reclaim(leaseId);
        vm.stopPrank();
        assertTrue(escrow.leaseOf(leaseId).endReason == EndReason.ReclaimedByOperator, "reason");
    }

    function test_setOperator_isThePayees() external {
        bytes32 leaseId = activated(terms());
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(Errors.Ledger_NotPayee.selector, node, OPERATOR, STRANGER));
        escrow.setOperator(node, STRANGER);
        vm.prank(OPERATOR);
        escrow.setOperator(node, STRANGER);
        assertTrue(escrow.operatorOf(node) == STRANGER, "operator");
        vm.prank(STRANGER);
        escrow.startReclaim(leaseId, "");
    }

    // ------------------------------------------------------------------------------------------------ credit

    function test_credit_comesOutOfTheHoldBackAlone() external {
        bytes32 leaseId = activated(terms());
        forward(3 hours);
        vm.prank(AGENT);
        vm.expectRevert(_notOperator(leaseId, AGENT));
        escrow.credit(leaseId, 60);
        vm.prank(OPERATOR);
        escrow.credit(leaseId, 30 minutes);
        assertEq(escrow.earnedOf(node), 2 * PRICE, "settled first");
        assertEq(escrow.leaseOf(leaseId).credited, 30 minutes, "credited");
        assertEq(escrow.refundable(leaseId), DEPOSIT - (PRICE * 5) / 2, "refundable");
        // Two hours asked for, half an hour left.
        vm.startPrank(OPERATOR);
        escrow.credit(leaseId, 2 hours);
        assertEq(escrow.leaseOf(leaseId).credited, 1 hours, "cut to what is left");
        assertEq(escrow.refundable(leaseId), DEPOSIT - 2 * PRICE, "never under what is settled");
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseEscrow_NothingCreditable.selector, leaseId));
        escrow.credit(leaseId, 1);
        vm.stopPrank();
        // Accrual stands still, then goes on.
        forward(1 hours);
        settle(leaseId);
        assertEq(escrow.earnedOf(node), 2 * PRICE, "still");
        forward(1 hours);
        settle(leaseId);
        assertEq(escrow.earnedOf(node), 3 * PRICE, "and on");
    }

    function test_credit_afterDepletionBillsNoGap() external {
        Terms memory asked = terms();
        asked.deposit = uint64(PRICE) * 4;
        bytes32 leaseId = activated(asked);
        forward(4 hours + 20 minutes);
        vm.prank(OPERATOR);
        escrow.credit(leaseId, 30 minutes);
        assertEq(escrow.runsOutAt(leaseId), vm.getBlockTimestamp() + 30 minutes, "runs again");
        assertEq(escrow.refundable(leaseId), PRICE / 2, "half an hour is back");
        forward(2 hours);
        settle(leaseId);
        assertEq(escrow.earnedOf(node), 4 * PRICE, "all used in the end");
    }

    function test_credit_afterTheEndIsRefunded() external {
        bytes32 leaseId = activated(terms());
        forward(3 hours);
        vm.prank(tenant);
        escrow.close(leaseId, address(0));
        uint256 before = escrow.balanceOf(tenant);
        forward(15 minutes);
        vm.prank(OPERATOR);
        escrow.credit(leaseId, 1 hours);
        uint256 back = escrow.balanceOf(tenant) - before;
        assertEq(back, 3 * PRICE - (PRICE * 135) / 60, "what had not vested");
        forward(1 hours);
        settle(leaseId);
        assertEq(escrow.leaseOf(leaseId).settled + before + back, DEPOSIT, "settled + refunded");
    }

    function test_credit_byAQuorumOfAttesters() external {
        bytes32 leaseId = activated(terms());
        forward(3 hours);
        DowntimeQuorum quorum = DowntimeQuorum(address(escrow.QUORUM()));
        address[] memory list = new address[](2);
        (list[0], list[1]) = (address(0xE1), address(0xE2));
        vm.startPrank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(Errors.DowntimeQuorum_BadList.selector, 2, 2, 3, 2));
        quorum.setAttesters(list, 2);
        list = new address[](3);
        (list[0], list[1], list[2]) = (address(0xE1), address(0xE2), address(0xE1));
        vm.expectRevert(abi.encodeWithSelector(Errors.DowntimeQuorum_BadList.selector, 3, 2, 3, 2));
        quorum.setAttesters(list, 2);
        list[2] = address(0xE3);
        vm.expectRevert(abi.encodeWithSelector(Errors.DowntimeQuorum_BadList.selector, 3, 1, 3, 2));
        quorum.setAttesters(list, 1);
        quorum.setAttesters(list, 2);
        vm.stopPrank();
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(Errors.DowntimeQuorum_NotAttester.selector, STRANGER));
        quorum.vote(leaseId, 600);
        vm.prank(list[0]);
        quorum.vote(leaseId, 600);
        vm.prank(list[0]);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.DowntimeQuorum_VotedAlready.selector, leaseId, list[0])
        );
        quorum.vote(leaseId, 600);
        vm.prank(list[1]);
        quorum.vote(leaseId, 601);
        assertEq(escrow.leaseOf(leaseId).credited, 0, "two opinions");
        vm.prank(list[2]);
        quorum.vote(leaseId, 600);
        assertEq(escrow.leaseOf(leaseId).credited, 600, "credited");
        // The state has moved on: yesterday's vote counts for nothing.
        vm.prank(list[1]);
        quorum.vote(leaseId, 600);
        assertEq(escrow.leaseOf(leaseId).credited, 600, "one vote");
        forward(1 hours + 1);
        vm.prank(list[0]);
        quorum.vote(leaseId, 600);
        assertEq(escrow.leaseOf(leaseId).credited, 600, "votes lapse with the hold-back");
    }

    // ------------------------------------------------------------------------------------------------ relays

    function test_switchRelay_settlesThenPaysTheOther() external {
        StubRegistry stub = new StubRegistry();
        escrow = newEscrow(INodeRegistry(address(stub)));
        fund(tenant, 0);
        INodeRegistry.Offer memory offer = registry.offer(node);
        for (uint32 i = 1; i <= 3; ++i) {
            offer.operator = address(uint160(0xF0 + i));
            (offer.relay, offer.relayBps) = i == 1 ? (uint32(2), uint16(2000)) : (uint32(0), uint16(0));
            stub.setOffer(i, offer);
        }
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = activated(terms());
        assertTrue(escrow.payeeOf(2) == address(0xF2), "a relay has a payee from its first lease on");
        forward(2 hours);
        vm.prank(STRANGER);
        vm.expectRevert();
        escrow.switchRelay(ids, 3);
        vm.prank(AGENT);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseEscrow_BadRelay.selector, ids[0], 3));
        escrow.switchRelay(ids, 3);
        Terms memory asked = terms();
        asked.node = 3;
        opened(asked);
        stub.setBricked(true);
        vm.prank(AGENT);
        escrow.switchRelay(ids, 3);
        assertEq(escrow.earnedOf(2), PRICE / 5, "the old one to here");
        forward(1 hours);
        settle(ids[0]);
        assertEq(escrow.earnedOf(2), PRICE / 5, "and no further");
        assertEq(escrow.earnedOf(2) + escrow.earnedOf(3), (2 * PRICE) / 5, "the share stays");
        assertEq(escrow.leaseOf(ids[0]).relayBps, 2000, "the percentage stays");
    }

    function test_switchRelay_byTheOperatorTakesTheRightFromTheAgent() external {
        StubRegistry stub = new StubRegistry();
        escrow = newEscrow(INodeRegistry(address(stub)));
        fund(tenant, 0);
        INodeRegistry.Offer memory offer = registry.offer(node);
        stub.setOffer(2, offer);
        (offer.relay, offer.relayBps) = (2, 2000);
        stub.setOffer(1, offer);
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = activated(terms());
        Terms memory asked = terms();
        asked.salt = bytes32(uint256(1));
        (offer.relay, offer.operator) = (3, address(0xF3));
        stub.setOffer(1, offer);
        stub.setOffer(3, offer);
        opened(asked);
        vm.prank(AGENT);
        escrow.switchRelay(ids, 3);
        vm.prank(OPERATOR);
        escrow.switchRelay(ids, 2);
        vm.prank(AGENT);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.LeaseEscrow_NotOperator.selector, ids[0], OPERATOR, AGENT)
        );
        escrow.switchRelay(ids, 3);
        assertEq(escrow.leaseOf(ids[0]).relay, 2, "as the operator left it");
    }

    function test_assign_neverToThePlatformWhateverTheRegistrySays() external {
        StubRegistry stub = new StubRegistry();
        escrow = newEscrow(INodeRegistry(address(stub)));
        fund(tenant, 0);
        INodeRegistry.Offer memory offer = registry.offer(node);
        (offer.operator, offer.agent) = (STRANGER, STRANGER);
        stub.setOffer(0, offer);
        Terms memory asked = _request();
        opened(asked);
        forward(61);
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(IQuoteErrors.LeaseEscrow_NodeNotActive.selector, 0));
        escrow.assign(asked, 0);
        assertTrue(escrow.payeeOf(0) == PLATFORM, "the platform's payee stands");
    }

    // ------------------------------------------------------------------------------------------------ templates

    function test_templateFee_isHeldThenSplit() external {
        Terms memory asked = _templated();
        bytes32 leaseId = activated(asked);
        assertEq(escrow.leaseOf(leaseId).deposited, DEPOSIT - 500_001, "kept apart");
        (uint32 template, uint32 version) = escrow.templateOf(leaseId);
        assertEq(template, 1, "template");
        assertEq(version, 1, "version");
        forward(30 minutes - 1);
        assertEq(escrow.refundable(leaseId), DEPOSIT - (PRICE * 1799) / 3600, "refundable with it");
        vm.expectRevert(
            abi.encodeWithSelector(Errors.LeaseEscrow_FeeNotDue.selector, leaseId, vm.getBlockTimestamp() + 1)
        );
        escrow.releaseTemplateFee(leaseId);
        forward(1);
        escrow.releaseTemplateFee(leaseId);
        assertEq(escrow.balanceOf(STRANGER), 425_001, "the author's 85 %, rounded up");
        assertEq(escrow.earnedOf(0), 75_000, "the platform's 15 %");
        vm.expectRevert();
        escrow.releaseTemplateFee(leaseId);
    }

    function test_templateFee_goesBackWhenNeverActiveOrInTheWindow() external {
        Terms memory asked = _templated();
        bytes32 leaseId = opened(asked);
        assertEq(escrow.refundable(leaseId), DEPOSIT, "refundable");
        vm.warp(escrow.leaseOf(leaseId).activateBy + 1);
        escrow.expire(leaseId);
        assertEq(escrow.balanceOf(tenant), DEPOSIT, "expired");
        asked.salt = bytes32(uint256(1));
        leaseId = activated(asked);
        forward(10 minutes);
        uint256 refundable = escrow.refundable(leaseId);
        vm.prank(tenant);
        escrow.close(leaseId, address(0));
        assertEq(escrow.balanceOf(tenant), DEPOSIT + refundable, "closed in the window");
        assertEq(escrow.earnedOf(0) + escrow.balanceOf(STRANGER), 0, "nobody else's");
        asked.salt = bytes32(uint256(2));
        leaseId = activated(asked);
        forward(30 minutes);
        vm.prank(tenant);
        escrow.close(leaseId, address(0));
        assertEq(escrow.earnedOf(0) + escrow.balanceOf(STRANGER), 500_001, "closed after it");
    }

    function test_templateFee_refusesWhatTheTenantDidNotAgreeTo() external {
        Terms memory asked = _templated();
        asked.maxTemplateFee = 500_000;
        vm.prank(tenant);
        vm.expectRevert(
            abi.encodeWithSelector(
                IQuoteErrors.LeaseEscrow_TemplateFeeAboveMaximum.selector,
                1,
                500_001,
                500_000
            )
        );
        escrow.open(asked, "");
        asked = _templated();
        asked.diskGiB = 9;
        vm.prank(tenant);
        vm.expectRevert(
            abi.encodeWithSelector(IQuoteErrors.LeaseEscrow_TemplateNeedsMore.selector, 1, "diskGiB", 9, 10)
        );
        escrow.open(asked, "");
    }

    function test_templateFee_windowIsNotPutOffByACreditAfterDepletion() external {
        Terms memory asked = _templated();
        asked.deposit = 500_001 + uint64(PRICE / 6);
        bytes32 leaseId = activated(asked);
        forward(29 minutes);
        vm.prank(OPERATOR);
        escrow.credit(leaseId, 1);
        (, , uint16 left) = escrow.templateFeeOf(leaseId);
        assertEq(left, 60, "what was left of it");
        forward(59);
        vm.prank(OPERATOR);
        escrow.credit(leaseId, 1);
        forward(1);
        vm.prank(tenant);
        escrow.close(leaseId, address(0));
        assertEq(
            escrow.balanceOf(STRANGER),
            425_001,
            "half an hour after activation the fee is the author's"
        );
    }

    function test_templateFee_windowIsNotPutOffByDepletion() external {
        Terms memory asked = _templated();
        // Ten minutes' worth beside the fee.
        asked.deposit = 500_001 + uint64(PRICE / 6);
        bytes32 leaseId = activated(asked);
        forward(15 minutes);
        vm.prank(tenant);
        escrow.topUp(leaseId, uint64(PRICE));
        forward(15 minutes);
        escrow.releaseTemplateFee(leaseId);
        assertEq(escrow.balanceOf(STRANGER), 425_001, "thirty minutes after activation");
    }

    // ------------------------------------------------------------------------------------------------ guardian

    function test_guardian_pausesNewBusinessForSevenDaysAndNoExit() external {
        bytes32 leaseId = activated(terms());
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(Errors.Guard_NotGuardian.selector, GUARDIAN, STRANGER));
        desk.pause();
        vm.prank(GUARDIAN);
        desk.pause();
        uint256 until = vm.getBlockTimestamp() + 7 days;
        Terms memory asked = terms();
        asked.salt = bytes32(uint256(1));
        vm.startPrank(tenant);
        vm.expectRevert(abi.encodeWithSelector(Errors.Guard_Paused.selector, until));
        escrow.open(asked, "");
        vm.expectRevert(abi.encodeWithSelector(Errors.Guard_Paused.selector, until));
        escrow.topUp(leaseId, 1000);
        escrow.close(leaseId, tenant);
        vm.stopPrank();
        vm.warp(until);
        opened(asked);
        vm.prank(GUARDIAN);
        vm.expectRevert(abi.encodeWithSelector(Errors.Guard_TooSoon.selector, until + 7 days));
        desk.pause();
        vm.warp(until + 7 days);
        vm.startPrank(GUARDIAN);
        desk.pause();
        desk.unpause();
        vm.stopPrank();
        asked.salt = bytes32(uint256(2));
        opened(asked);
    }

    // ------------------------------------------------------------------------------------------------ helpers

    function _request() private view returns (Terms memory asked) {
        asked = terms();
        asked.node = 0;
    }

    function _templated() private returns (Terms memory asked) {
        if (address(desk.templates()) == address(0)) {
            TemplateRegistry templates = TemplateRegistry(deploy("TemplateRegistry", ""));
            vm.prank(STRANGER);
            templates.create(
                "debian",
                ITemplateRegistry.Draft({
                    fee: 500_001,
                    refundWindow: 30 minutes,
                    minimum: ITemplateRegistry.MinimumSpec({
                        vcpus: 1,
                        gpus: 0,
                        memoryMiB: 1024,
                        diskGiB: 10
                    }),
                    contentHash: keccak256("content"),
                    content: "content",
                    uri: ""
                })
            );
            vm.prank(OWNER);
            desk.announceTemplates(templates);
        }
        asked = terms();
        (asked.template, asked.templateVersion, asked.maxTemplateFee) = (1, 1, 1_000_000);
    }

    function _authorizationDigest(Terms memory asked) private view returns (bytes32) {
        return
            authorizationDigest(usdc, asked.tenant, address(escrow), asked.deposit, escrow.leaseIdOf(asked));
    }

    function _notAssigner(bytes32 leaseId, uint256 from, address caller) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Errors.LeaseEscrow_NotAssigner.selector, leaseId, AGENT, from, caller);
    }

    function _reclaimNotDue(bytes32 leaseId, uint256 from) private pure returns (bytes memory) {
        uint256 until = from == 0 ? 0 : from + 7 days;
        return abi.encodeWithSelector(Errors.LeaseEscrow_ReclaimNotDue.selector, leaseId, from, until);
    }

    function _notOperator(bytes32 leaseId, address caller) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Errors.LeaseEscrow_NotOperator.selector, leaseId, OPERATOR, caller);
    }

    function _wrongStatus(bytes32 leaseId, LeaseStatus status) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Errors.LeaseEscrow_WrongStatus.selector, leaseId, status);
    }
}
