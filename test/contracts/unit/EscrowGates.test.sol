// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";

import { DowntimeQuorum } from "../../../contracts/src/DowntimeQuorum.sol";
import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { IPricePolicy } from "../../../contracts/src/interfaces/IPricePolicy.sol";
import { IQuoteErrors } from "../../../contracts/src/interfaces/IQuoteErrors.sol";
import { ITemplateRegistry } from "../../../contracts/src/interfaces/ITemplateRegistry.sol";
import { LeaseDesk } from "../../../contracts/src/LeaseDesk.sol";
import { Errors } from "../../../contracts/src/libraries/Errors.sol";
import { Lease, LeaseStatus, Terms } from "../../../contracts/src/types/DataTypes.sol";
import { deploy } from "../support/Deploy.sol";
import { Fixture } from "../support/Fixture.sol";
import { StubRegistry } from "../support/StubRegistry.sol";
import { vm } from "../support/Vm.sol";

/// @notice A template registry that offers what a test wants.
contract StubTemplates {
    ITemplateRegistry.Offer private _offer;

    function set(ITemplateRegistry.Offer calldata value) external {
        _offer = value;
    }

    function templateOffer(uint32, uint32) external view returns (ITemplateRegistry.Offer memory) {
        return _offer;
    }
}

/// @notice The cheatcodes that reach into storage.
interface VmState {
    function record() external;
    function accesses(address target) external returns (bytes32[] memory reads, bytes32[] memory writes);
    function load(address target, bytes32 slot) external view returns (bytes32);
    function store(address target, bytes32 slot, bytes32 value) external;
}

VmState constant vmState = VmState(address(uint160(uint256(keccak256("hevm cheat code")))));

/// @notice Who may do what in which state, and each bound on both of its sides, as listed in EscrowGates.tree.
contract EscrowGatesTest is Fixture {
    address internal constant SCHEDULER = address(0xD11);
    address internal constant GUARDIAN = address(0xD12);
    address internal constant AUTHOR = address(0xE11);
    LeaseDesk internal desk;
    StubTemplates internal templates;
    ITemplateRegistry.Offer internal templateOffer;

    function setUp() public override {
        super.setUp();
        desk = LeaseDesk(address(escrow.DESK()));
        vm.startPrank(OWNER);
        desk.setScheduler(SCHEDULER);
        desk.setGuardian(GUARDIAN);
        vm.stopPrank();
    }

    // ------------------------------------------------------------------------------------------------ the desk

    function test_unpause_isTheGuardians() external {
        vm.prank(GUARDIAN);
        desk.pause();
        vm.expectRevert(abi.encodeWithSelector(Errors.Guard_NotGuardian.selector, GUARDIAN, STRANGER));
        vm.prank(STRANGER);
        desk.unpause();
        assertEq(desk.pausedUntil(), vm.getBlockTimestamp() + 7 days, "still paused");
    }

    function test_pause_stopsRequestsToo() external {
        vm.prank(GUARDIAN);
        desk.pause();
        _refused(
            _request(),
            abi.encodeWithSelector(Errors.Guard_Paused.selector, vm.getBlockTimestamp() + 7 days)
        );
    }

    function test_desk_isTheOwners() external {
        ITemplateRegistry other = ITemplateRegistry(deploy("TemplateRegistry", ""));
        bytes memory reason = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, STRANGER);
        vm.startPrank(STRANGER);
        vm.expectRevert(reason);
        desk.setGuardian(STRANGER);
        vm.expectRevert(reason);
        desk.setScheduler(STRANGER);
        vm.expectRevert(reason);
        desk.announcePointers(registry, policy);
        vm.expectRevert(reason);
        desk.movePointers();
        vm.expectRevert(reason);
        desk.announceTemplates(other);
        vm.expectRevert(reason);
        desk.moveTemplates();
        DowntimeQuorum quorum = DowntimeQuorum(address(escrow.QUORUM()));
        vm.expectRevert(reason);
        quorum.setAttesters(new address[](3), 2);
        vm.stopPrank();
    }

    function test_pointers_pointAtContractsAndMoveWhenAnnounced() external {
        bytes memory noCode = abi.encodeWithSelector(Errors.Pointers_NoCode.selector, STRANGER);
        bytes memory nothing = abi.encodeWithSelector(Errors.Pointers_NothingAnnounced.selector);
        vm.startPrank(OWNER);
        vm.expectRevert(noCode);
        desk.announcePointers(INodeRegistry(STRANGER), policy);
        vm.expectRevert(noCode);
        desk.announcePointers(registry, IPricePolicy(STRANGER));
        vm.expectRevert(noCode);
        desk.announceTemplates(ITemplateRegistry(STRANGER));
        vm.expectRevert(nothing);
        desk.movePointers();
        vm.expectRevert(nothing);
        desk.moveTemplates();
        desk.announceTemplates(ITemplateRegistry(deploy("TemplateRegistry", "")));
        desk.announceTemplates(ITemplateRegistry(deploy("TemplateRegistry", "")));
        uint256 from = vm.getBlockTimestamp() + 7 days;
        vm.warp(from - 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.Pointers_TooEarly.selector, from));
        desk.moveTemplates();
        vm.warp(from);
        desk.moveTemplates();
        vm.stopPrank();
    }

    function test_escrow_wantsARegistryAndAPolicyWithCode() external {
        vm.expectRevert(abi.encodeWithSelector(Errors.Pointers_NoCode.selector, STRANGER));
        this.escrowOf(abi.encode(usdc, STRANGER, policy, OWNER, PLATFORM));
        vm.expectRevert(abi.encodeWithSelector(Errors.Pointers_NoCode.selector, STRANGER));
        this.escrowOf(abi.encode(usdc, registry, STRANGER, OWNER, PLATFORM));
    }

    // ------------------------------------------------------------------------------------------------ terms

    function test_terms_reachTheirBoundsAndNoFurther() external {
        Terms memory asked = terms();
        (asked.holdBack, asked.activateWithin) = (1 days, 60);
        opened(asked);
        asked.activateWithin = 59;
        _refused(asked, _outOfRange("activateWithin", 59, 60, 1 days));
        (asked.activateWithin, asked.salt) = (1 days, bytes32(uint256(1)));
        opened(asked);
        asked.activateWithin = 1 days + 1;
        _refused(asked, _outOfRange("activateWithin", 1 days + 1, 60, 1 days));
        asked.activateWithin = 0;
        asked.holdBack = 1 days + 1;
        _refused(asked, _outOfRange("holdBack", 1 days + 1, 0, 1 days));
        asked = terms();
        asked.salt = bytes32(uint256(2));
        asked.minNotice = 1 days + 1;
        _refused(
            asked,
            abi.encodeWithSelector(IQuoteErrors.LeaseEscrow_NoticeTooShort.selector, node, 1 days, 1 days + 1)
        );
        asked.minNotice = 1 days;
        asked.maxPricePerHour = uint64(PRICE) - 1;
        _refused(
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

    function test_terms_askForAMachineOfAtLeastOneOfEach() external {
        Terms memory asked = terms();
        asked.vcpus = 0;
        _refused(asked, _outOfRange("pointUnits", 0, 1, type(uint16).max));
        asked = terms();
        asked.memoryMiB = 0;
        _refused(asked, _outOfRange("memoryMiB", 0, 1, type(uint24).max));
        asked.memoryMiB = 2 ** 24;
        _refused(asked, _outOfRange("memoryMiB", 2 ** 24, 1, type(uint24).max));
        asked = terms();
        asked.diskGiB = 0;
        _refused(asked, _outOfRange("diskGiB", 0, 1, type(uint16).max));
        asked.diskGiB = 2 ** 16;
        _refused(asked, _outOfRange("diskGiB", 2 ** 16, 1, type(uint16).max));
    }

    function test_region_bindsWhereTheTermsNameNoNode() external {
        Terms memory asked = terms();
        asked.region = "us-east";
        opened(asked);
        asked.node = 0;
        bytes32 leaseId = opened(asked);
        vm.startPrank(SCHEDULER);
        vm.expectRevert(
            abi.encodeWithSelector(
                IQuoteErrors.LeaseEscrow_RegionMismatch.selector,
                node,
                bytes8("eu-west"),
                bytes8("us-east")
            )
        );
        escrow.assign(asked, node);
        vm.stopPrank();
        asked.region = "eu-west";
        leaseId = opened(asked);
        vm.prank(SCHEDULER);
        escrow.assign(asked, node);
        assertTrue(escrow.leaseOf(leaseId).status == LeaseStatus.Assigned, "assigned");
    }

    function test_open_refusesANodeThatNobodyOperates() external {
        StubRegistry stub = new StubRegistry();
        escrow = newEscrow(INodeRegistry(address(stub)));
        fund(tenant, 0);
        INodeRegistry.Offer memory offer = registry.offer(node);
        offer.operator = address(0);
        stub.setOffer(node, offer);
        _refused(terms(), abi.encodeWithSelector(IQuoteErrors.LeaseEscrow_NodeNotActive.selector, node));
    }

    function test_notice_ofASecondIsKept() external {
        vm.prank(OPERATOR);
        registry.setTerms(node, 60, 1);
        assertEq(escrow.leaseOf(opened(terms())).notice, 1, "a second");
    }

    function test_assign_untilTheRequestLapsesAndOnce() external {
        Terms memory asked = _request();
        bytes32 leaseId = opened(asked);
        uint256 lapsesAt = vm.getBlockTimestamp() + 1 days;
        vm.warp(lapsesAt);
        vm.startPrank(SCHEDULER);
        escrow.assign(asked, node);
        vm.expectRevert(_wrongStatus(leaseId, LeaseStatus.Assigned));
        escrow.assign(asked, node);
        vm.stopPrank();
        vm.warp(lapsesAt - 1 days);
        asked.salt = bytes32(uint256(1));
        leaseId = opened(asked);
        vm.warp(lapsesAt + 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseEscrow_RequestLapsed.selector, leaseId, lapsesAt));
        vm.prank(SCHEDULER);
        escrow.assign(asked, node);
    }

    // ------------------------------------------------------------------------------------------------ templates

    function test_template_reachesItsCapsAndNoFurther() external {
        Terms memory asked = _templated(1_000_000_000, 1 hours);
        (asked.deposit, asked.maxTemplateFee) = (1_010_000_000, type(uint64).max);
        fund(tenant, 2_000_000_000);
        opened(asked);
        asked.salt = bytes32(uint256(1));
        templateOffer.fee += 1;
        templates.set(templateOffer);
        _refused(asked, _aboveCap("templateFee", 1_000_000_001, 1_000_000_000));
        templateOffer.fee -= 1;
        templateOffer.refundWindow += 1;
        templates.set(templateOffer);
        _refused(asked, _aboveCap("refundWindow", 3601, 3600));
    }

    function test_template_isNamedInTwentyFourBits() external {
        Terms memory asked = _templated(1, 1);
        (asked.template, asked.templateVersion) = (2 ** 24 - 1, 2 ** 24 - 1);
        bytes32 leaseId = opened(asked);
        (uint32 template, uint32 version) = escrow.templateOf(leaseId);
        assertTrue(template == 2 ** 24 - 1 && version == 2 ** 24 - 1, "the last of both");
        asked.template = 2 ** 24;
        _refused(asked, _outOfRange("template", 2 ** 24, 1, 2 ** 24 - 1));
        (asked.template, asked.templateVersion) = (1, 0);
        _refused(asked, _outOfRange("templateVersion", 0, 1, 2 ** 24 - 1));
        asked.templateVersion = 2 ** 24;
        _refused(asked, _outOfRange("templateVersion", 2 ** 24, 1, 2 ** 24 - 1));
    }

    function test_template_isActiveAndSomebodys() external {
        Terms memory asked = _templated(1, 1);
        bytes memory reason = abi.encodeWithSelector(
            IQuoteErrors.LeaseEscrow_TemplateNotActive.selector,
            1,
            1
        );
        templateOffer.active = false;
        templates.set(templateOffer);
        _refused(asked, reason);
        (templateOffer.active, templateOffer.author) = (true, address(0));
        templates.set(templateOffer);
        _refused(asked, reason);
    }

    function test_template_needsWhatItNeedsAndNoMore() external {
        Terms memory asked = _templated(1, 1);
        asked.gpus = 1;
        asked.maxPricePerHour = type(uint64).max;
        templateOffer.minimum = ITemplateRegistry.MinimumSpec({
            vcpus: asked.vcpus,
            gpus: 1,
            memoryMiB: asked.memoryMiB,
            diskGiB: asked.diskGiB
        });
        templates.set(templateOffer);
        opened(asked);
        (asked.salt, asked.gpus) = (bytes32(uint256(1)), 0);
        _refused(asked, _needsMore("gpus", 0, 1));
        asked.diskGiB -= 1;
        _refused(asked, _needsMore("diskGiB", asked.diskGiB, asked.diskGiB + 1));
        asked.memoryMiB -= 1;
        _refused(asked, _needsMore("memoryMiB", asked.memoryMiB, asked.memoryMiB + 1));
        asked.vcpus -= 1;
        _refused(asked, _needsMore("vcpus", asked.vcpus, asked.vcpus + 1));
    }

    function test_templateFee_isWithinTheDeposit() external {
        Terms memory asked = _templated(1000, 1);
        asked.deposit = 999;
        _refused(asked, _outOfRange("deposit", 999, 1000, type(uint64).max));
    }

    function test_templateFee_ofAUnitComesBackToo() external {
        bytes32 leaseId = activated(_templated(1, 1 hours));
        vm.prank(tenant);
        escrow.close(leaseId, address(0));
        // The minimum charge of a minute.
        assertEq(escrow.balanceOf(tenant), DEPOSIT - (PRICE * 60) / 3600, "the unit of the fee is in it");
    }

    function test_templateFee_ofWhatNeverRanIsNotDue() external {
        bytes32 leaseId = opened(_templated(1000, 1 hours));
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseEscrow_FeeNotDue.selector, leaseId, 0));
        escrow.releaseTemplateFee(leaseId);
    }

    function test_templateFee_pastItsWindowIsNotPutBackByATopUp() external {
        Terms memory asked = _templated(1000, 60);
        asked.deposit = 1000 + uint64(PRICE);
        bytes32 leaseId = activated(asked);
        forward(2 hours);
        vm.prank(tenant);
        escrow.topUp(leaseId, uint64(PRICE));
        (, , uint16 left) = escrow.templateFeeOf(leaseId);
        assertEq(left, 0, "nothing is left of it");
        vm.prank(tenant);
        escrow.close(leaseId, address(0));
        assertEq(escrow.balanceOf(AUTHOR), 850, "the author's");
    }

    // ------------------------------------------------------------------------------------------------ exits

    function test_end_isOfWhatRuns() external {
        bytes32 leaseId = opened(terms());
        vm.warp(vm.getBlockTimestamp() + 365 days);
        vm.expectRevert(_wrongStatus(leaseId, LeaseStatus.Assigned));
        escrow.end(leaseId);
    }

    function test_reclaim_isTheOperatorsOfWhatRuns() external {
        bytes32 leaseId = opened(terms());
        vm.startPrank(OPERATOR);
        vm.expectRevert(_wrongStatus(leaseId, LeaseStatus.Assigned));
        escrow.startReclaim(leaseId, "");
        vm.expectRevert(_wrongStatus(leaseId, LeaseStatus.Assigned));
        escrow.reclaim(leaseId);
        vm.stopPrank();
        vm.prank(AGENT);
        escrow.activate(leaseId, FINGERPRINT);
        vm.expectRevert(_notOperator(leaseId, STRANGER));
        vm.prank(STRANGER);
        escrow.startReclaim(leaseId, "");
        vm.prank(OPERATOR);
        escrow.startReclaim(leaseId, "");
        forward(1 days);
        vm.expectRevert(_notOperator(leaseId, STRANGER));
        vm.prank(STRANGER);
        escrow.reclaim(leaseId);
    }

    function test_completed_countsWhatRanAndWasNotReclaimed() external {
        bytes32 leaseId = opened(terms());
        vm.prank(tenant);
        escrow.close(leaseId, address(0));
        _assertCompleted(0, "cancelled");
        Terms memory asked = terms();
        asked.salt = bytes32(uint256(1));
        leaseId = activated(asked);
        vm.startPrank(OPERATOR);
        escrow.startReclaim(leaseId, "");
        forward(1 days);
        escrow.reclaim(leaseId);
        vm.stopPrank();
        _assertCompleted(0, "reclaimed");
        asked.salt = bytes32(uint256(2));
        leaseId = activated(asked);
        vm.prank(tenant);
        escrow.close(leaseId, address(0));
        _assertCompleted(1, "closed");
    }

    function test_completed_standsStillWhereItIsFull() external {
        _close(activated(terms()));
        vmState.record();
        _assertCompleted(1, "one");
        (bytes32[] memory reads, ) = vmState.accesses(address(escrow));
        bytes32 slot = reads[reads.length - 1];
        // 80 + 3 × 32 + 16 + 32 bits of a node's book are before the count.
        uint256 full = uint256(vmState.load(address(escrow), slot)) | (uint256(type(uint24).max) << 224);
        vmState.store(address(escrow), slot, bytes32(full));
        _assertCompleted(type(uint24).max, "full");
        Terms memory asked = terms();
        asked.salt = bytes32(uint256(1));
        _close(activated(asked));
        _assertCompleted(type(uint24).max, "and full it stays");
    }

    function test_open_isForAnybodyButNobody() external {
        Terms memory asked = _request();
        asked.tenant = address(0);
        vm.expectRevert(
            abi.encodeWithSelector(
                Errors.LeaseEscrow_NotTenant.selector,
                escrow.leaseIdOf(asked),
                address(0),
                STRANGER
            )
        );
        vm.prank(STRANGER);
        escrow.openWithAuthorization(asked, "", 0, type(uint256).max, new bytes(65));
        asked.tenant = address(1);
        fund(asked.tenant, DEPOSIT);
        assertTrue(escrow.leaseOf(opened(asked)).tenant == address(1), "the least address there is");
    }

    function test_close_paysTheLeastAddressThereIs() external {
        bytes32 leaseId = opened(terms());
        vm.prank(tenant);
        escrow.close(leaseId, address(1));
        assertEq(usdc.balanceOf(address(1)), DEPOSIT, "paid out");
    }

    function test_close_toTheEscrowItselfStaysWithTheTenant() external {
        bytes32 leaseId = opened(terms());
        vm.prank(tenant);
        escrow.close(leaseId, address(escrow));
        assertEq(escrow.balanceOf(tenant), DEPOSIT, "in the tenant's balance");
        assertEq(escrow.balanceOf(address(escrow)), 0, "and in no other");
    }

    // ------------------------------------------------------------------------------------------------ running

    function test_switchRelay_isNotTheAgentsWhereThereIsNone() external {
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = activated(terms());
        vm.expectRevert(_notOperator(ids[0], AGENT));
        vm.prank(AGENT);
        escrow.switchRelay(ids, node);
        // Of a relay that is known, so that the lease's own is what is missing.
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseEscrow_BadRelay.selector, ids[0], node));
        vm.prank(OPERATOR);
        escrow.switchRelay(ids, node);
    }

    function test_switchRelay_awayFromTheFirstNodeOfAll() external {
        StubRegistry stub = new StubRegistry();
        escrow = newEscrow(INodeRegistry(address(stub)));
        fund(tenant, 0);
        INodeRegistry.Offer memory offer = registry.offer(node);
        stub.setOffer(1, offer);
        stub.setOffer(3, offer);
        (offer.relay, offer.relayBps) = (1, 2000);
        stub.setOffer(2, offer);
        Terms memory asked = terms();
        asked.node = 3;
        opened(asked);
        asked.node = 2;
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = activated(asked);
        vm.prank(AGENT);
        escrow.switchRelay(ids, 3);
        assertEq(escrow.leaseOf(ids[0]).relay, 3, "the other");
    }

    function test_credit_inTheSecondItRunsOutOpensNoSegment() external {
        bytes32 leaseId = activated(terms());
        uint256 startedAt = vm.getBlockTimestamp();
        vm.warp(escrow.runsOutAt(leaseId));
        vm.prank(OPERATOR);
        escrow.credit(leaseId, 600);
        Lease memory lease = escrow.leaseOf(leaseId);
        assertEq(lease.startedAt, startedAt, "the same segment");
        assertEq(lease.credited, 600, "credited in it");
        assertEq(lease.paidBefore, 0, "none before it");
    }

    function test_topUp_afterDepletionTakesTheLeastAndBeginsAnew() external {
        bytes32 leaseId = activated(terms());
        forward(1 hours);
        vm.prank(OPERATOR);
        escrow.credit(leaseId, 600);
        vm.warp(escrow.runsOutAt(leaseId));
        uint64 least = uint64((PRICE * 60 + 3599) / 3600);
        vm.startPrank(tenant);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.LeaseEscrow_DepositTooSmall.selector, least - 1, least)
        );
        escrow.topUp(leaseId, least - 1);
        escrow.topUp(leaseId, least);
        vm.stopPrank();
        Lease memory lease = escrow.leaseOf(leaseId);
        assertEq(lease.credited, 0, "what was credited is in what was paid before");
        assertEq(lease.startedAt, vm.getBlockTimestamp(), "from now");
        assertEq(lease.paidBefore, DEPOSIT, "all of it");
        assertEq(
            escrow.runsOutAt(leaseId),
            vm.getBlockTimestamp() + (uint256(least) * 3600 + PRICE - 1) / PRICE,
            "a minute"
        );
    }

    function test_topUp_fillsTheBooksToTheLastUnit() external {
        bytes32 leaseId = activated(terms());
        uint64 room = type(uint64).max - DEPOSIT;
        fund(tenant, room);
        vm.startPrank(tenant);
        escrow.topUp(leaseId, room);
        assertEq(escrow.leaseOf(leaseId).deposited, type(uint64).max, "full");
        vm.expectRevert(
            abi.encodeWithSelector(Errors.LeaseEscrow_DepositTooLarge.selector, 2 ** 64, type(uint64).max)
        );
        escrow.topUp(leaseId, 1);
        vm.stopPrank();
    }

    function test_relay_keepsThePayeeItChose() external {
        StubRegistry stub = new StubRegistry();
        escrow = newEscrow(INodeRegistry(address(stub)));
        fund(tenant, 0);
        INodeRegistry.Offer memory offer = registry.offer(node);
        stub.setOffer(2, offer);
        (offer.relay, offer.relayBps) = (2, 2000);
        stub.setOffer(1, offer);
        Terms memory asked = terms();
        asked.node = 1;
        opened(asked);
        vm.prank(OPERATOR);
        escrow.proposePayee(2, STRANGER);
        vm.prank(STRANGER);
        escrow.acceptPayee(2);
        asked.salt = bytes32(uint256(1));
        opened(asked);
        assertTrue(escrow.payeeOf(2) == STRANGER, "a further lease behind it changes nothing");
    }

    // ------------------------------------------------------------------------------------------------ money

    function test_money_movesNoNothingAndToNobody() external {
        bytes32 leaseId = activated(terms());
        forward(3 hours);
        settle(leaseId);
        bytes memory zero = abi.encodeWithSelector(Errors.Ledger_ZeroAmount.selector);
        vm.startPrank(tenant);
        vm.expectRevert(zero);
        escrow.deposit(0);
        escrow.deposit(1000);
        vm.expectRevert(zero);
        escrow.withdraw(tenant, 0);
        vm.expectRevert(_badRecipient(address(0)));
        escrow.withdraw(address(0), 1);
        vm.expectRevert(_badRecipient(address(escrow)));
        escrow.withdraw(address(escrow), 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.Ledger_BalanceTooLow.selector, tenant, 1000, 1001));
        escrow.withdraw(tenant, 1001);
        escrow.withdraw(tenant, 1000);
        vm.stopPrank();
        uint256 earned = escrow.earnedOf(node);
        vm.startPrank(OPERATOR);
        vm.expectRevert(zero);
        escrow.withdrawEarned(node, OPERATOR, 0);
        vm.expectRevert(_badRecipient(address(0)));
        escrow.withdrawEarned(node, address(0), 1);
        vm.expectRevert(_badRecipient(address(escrow)));
        escrow.withdrawEarned(node, address(escrow), 1);
        escrow.withdrawEarned(node, OPERATOR, 1);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Ledger_EarnedTooLow.selector, node, earned - 1, earned)
        );
        escrow.withdrawEarned(node, OPERATOR, earned);
        escrow.withdrawEarned(node, OPERATOR, earned - 1);
        vm.stopPrank();
        assertEq(escrow.earnedOf(node), 0, "all of it");
    }

    function test_acceptPayee_isNobodysWhereNobodyIsProposed() external {
        opened(terms());
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Ledger_NotPendingPayee.selector, node, address(0), address(0))
        );
        vm.prank(address(0));
        escrow.acceptPayee(node);
    }

    // ------------------------------------------------------------------------------------------------ the quorum

    function test_votes_countUntilTheHoldBackIsOver() external {
        DowntimeQuorum quorum = DowntimeQuorum(address(escrow.QUORUM()));
        address[] memory list = new address[](3);
        (list[0], list[1], list[2]) = (address(0xE1), address(0xE2), address(0xE3));
        vm.prank(OWNER);
        quorum.setAttesters(list, 2);
        bytes32 leaseId = activated(terms());
        forward(3 hours);
        vm.prank(list[0]);
        quorum.vote(leaseId, 600);
        forward(1 hours);
        vm.prank(list[1]);
        quorum.vote(leaseId, 600);
        assertEq(escrow.leaseOf(leaseId).credited, 600, "in its last second");
    }

    // ------------------------------------------------------------------------------------------------ helpers

    function escrowOf(bytes calldata arguments) external returns (address) {
        return deploy("LeaseEscrow", arguments);
    }

    function _close(bytes32 leaseId) private {
        vm.prank(tenant);
        escrow.close(leaseId, address(0));
    }

    function _request() private view returns (Terms memory asked) {
        asked = terms();
        asked.node = 0;
    }

    function _templated(uint64 fee, uint32 refundWindow) private returns (Terms memory asked) {
        templates = new StubTemplates();
        templateOffer.author = AUTHOR;
        templateOffer.active = true;
        templateOffer.fee = fee;
        templateOffer.refundWindow = uint16(refundWindow);
        templates.set(templateOffer);
        vm.prank(OWNER);
        desk.announceTemplates(ITemplateRegistry(address(templates)));
        asked = terms();
        (asked.template, asked.templateVersion, asked.maxTemplateFee) = (1, 1, fee);
    }

    function _refused(Terms memory asked, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(asked.tenant);
        escrow.open(asked, "");
    }

    function _assertCompleted(uint256 expected, string memory what) private view {
        (, uint32 completed) = escrow.nodeCounters(node);
        assertEq(completed, expected, what);
    }

    function _aboveCap(string memory figure, uint256 value, uint256 cap) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IQuoteErrors.LeaseEscrow_AboveCap.selector, figure, value, cap);
    }

    function _outOfRange(
        string memory term,
        uint256 value,
        uint256 minimum,
        uint256 maximum
    ) private pure returns (bytes memory) {
        return
            abi.encodeWithSelector(
                IQuoteErrors.LeaseEscrow_TermOutOfRange.selector,
                term,
                value,
                minimum,
                maximum
            );
    }

    function _needsMore(
        string memory resource,
        uint256 asked,
        uint256 needed
    ) private pure returns (bytes memory) {
        return
            abi.encodeWithSelector(
                IQuoteErrors.LeaseEscrow_TemplateNeedsMore.selector,
                1,
                resource,
                asked,
                needed
            );
    }

    function _badRecipient(address to) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Errors.Ledger_BadRecipient.selector, to);
    }

    function _notOperator(bytes32 leaseId, address caller) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Errors.LeaseEscrow_NotOperator.selector, leaseId, OPERATOR, caller);
    }

    function _wrongStatus(bytes32 leaseId, LeaseStatus status) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Errors.LeaseEscrow_WrongStatus.selector, leaseId, status);
    }
}
