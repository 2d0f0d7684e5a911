// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { DowntimeQuorum } from "../../../contracts/src/DowntimeQuorum.sol";
import { IDowntimeQuorum } from "../../../contracts/src/interfaces/IDowntimeQuorum.sol";
import { IGuard } from "../../../contracts/src/interfaces/IGuard.sol";
import { ILeaseEscrow } from "../../../contracts/src/interfaces/ILeaseEscrow.sol";
import { ILeaseLife } from "../../../contracts/src/interfaces/ILeaseLife.sol";
import { ILeaseMandates } from "../../../contracts/src/interfaces/ILeaseMandates.sol";
import { ILeaseOpening } from "../../../contracts/src/interfaces/ILeaseOpening.sol";
import { ILedger } from "../../../contracts/src/interfaces/ILedger.sol";
import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { IPointers } from "../../../contracts/src/interfaces/IPointers.sol";
import { IPricePolicy } from "../../../contracts/src/interfaces/IPricePolicy.sol";
import { ITemplateRegistry } from "../../../contracts/src/interfaces/ITemplateRegistry.sol";
import { LeaseDesk } from "../../../contracts/src/LeaseDesk.sol";
import { TemplateRegistry } from "../../../contracts/src/TemplateRegistry.sol";
import { EndReason, Lease, Terms } from "../../../contracts/src/types/DataTypes.sol";
import { deploy } from "../support/Deploy.sol";
import { Fixture } from "../support/Fixture.sol";
import { StubRegistry } from "../support/StubRegistry.sol";
import { vm } from "../support/Vm.sol";
import { vmEvents } from "../support/VmEvents.sol";

/// @notice What an indexer reads: each event of the escrow and of what it creates, topics and figures, as listed in
/// EscrowEvents.tree.
contract EscrowEventsTest is Fixture {
    address internal constant GUARDIAN = address(0xD12);
    address internal constant AUTHOR = address(0xE11);
    address internal constant PAYOUT = address(0xF00D);
    LeaseDesk internal desk;

    function setUp() public override {
        super.setUp();
        desk = LeaseDesk(address(escrow.DESK()));
        vm.prank(OWNER);
        desk.setGuardian(GUARDIAN);
    }

    // ------------------------------------------------------------------------------------------------ opening

    function test_open_saysTermsNodeAndPrice() external {
        Lease memory like = escrow.leaseOf(opened(_salted(1)));
        Terms memory asked = terms();
        bytes32 leaseId = escrow.leaseIdOf(asked);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.LeaseRequested(leaseId, tenant, asked, "sealed");
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.LeaseAssigned({
            leaseId: leaseId,
            node: node,
            pricePerHour: uint64(PRICE),
            minCharge: 60,
            notice: 1 days,
            platformBps: like.platformBps,
            relay: 0,
            relayBps: 0,
            activateBy: uint40(vm.getBlockTimestamp() + 15 minutes)
        });
        vm.prank(tenant);
        escrow.open(asked, "sealed");
    }

    function test_open_welcomesANodeOnce() external {
        vmEvents.expectEmit(address(escrow));
        emit ILedger.PayeeChanged(node, OPERATOR);
        vmEvents.expectEmit(address(escrow));
        emit ILedger.NodeOperatorChanged(node, OPERATOR);
        opened(terms());
    }

    function test_openFromBalance_saysTheBalance() external {
        vm.startPrank(tenant);
        escrow.deposit(DEPOSIT + 7);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.BalanceChanged(tenant, 7);
        escrow.openFromBalance(terms(), "");
        vm.stopPrank();
    }

    function test_openStack_namesItsLeasesAndTheBalance() external {
        Terms[] memory stack = new Terms[](2);
        (stack[0], stack[1]) = (terms(), _salted(1));
        bytes32[] memory ids = new bytes32[](2);
        (ids[0], ids[1]) = (escrow.leaseIdOf(stack[0]), escrow.leaseIdOf(stack[1]));
        vm.startPrank(tenant);
        escrow.deposit(2 * uint256(DEPOSIT) + 7);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseOpening.StackOpened(keccak256(abi.encode(ids)), tenant, ids);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.BalanceChanged(tenant, 7);
        escrow.openStack(stack, new bytes[](2), true);
        vm.stopPrank();
    }

    // ------------------------------------------------------------------------------------------------ running

    function test_activate_saysWhenAndTheHostKey() external {
        bytes32 leaseId = opened(terms());
        forward(5);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.LeaseActivated(leaseId, node, uint40(vm.getBlockTimestamp()), FINGERPRINT);
        vm.prank(AGENT);
        escrow.activate(leaseId, FINGERPRINT);
    }

    function test_settle_saysAllThatHasVested() external {
        bytes32 leaseId = activated(terms());
        forward(2 hours);
        settle(leaseId);
        forward(1 hours);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.LeaseSettled(leaseId, node, uint64(2 * PRICE));
        settle(leaseId);
    }

    function test_topUp_saysAllThatWasPaidIn() external {
        bytes32 leaseId = activated(terms());
        uint40 startedAt = uint40(vm.getBlockTimestamp());
        forward(60);
        fund(STRANGER, 1000);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.LeaseToppedUp(leaseId, STRANGER, DEPOSIT + 1000, startedAt);
        vm.prank(STRANGER);
        escrow.topUp(leaseId, 1000);
        vm.startPrank(tenant);
        escrow.deposit(1007);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.LeaseToppedUp(leaseId, tenant, DEPOSIT + 2000, startedAt);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.BalanceChanged(tenant, 7);
        escrow.topUpFromBalance(leaseId, 1000);
        vm.stopPrank();
    }

    function test_credit_saysTheMeterAfterIt() external {
        bytes32 leaseId = activated(terms());
        uint40 startedAt = uint40(vm.getBlockTimestamp());
        forward(3 hours);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseLife.LeaseCredited({
            leaseId: leaseId,
            node: node,
            duration: 30 minutes,
            credited: 30 minutes,
            startedAt: startedAt,
            paidBefore: 0,
            due: uint64((PRICE * 5) / 2)
        });
        vm.prank(OPERATOR);
        escrow.credit(leaseId, 30 minutes);
    }

    function test_credit_afterTheEndSaysTheBalance() external {
        bytes32 leaseId = activated(terms());
        forward(3 hours);
        vm.startPrank(tenant);
        escrow.close(leaseId, PAYOUT);
        vm.stopPrank();
        uint256 back = 3 * PRICE - (PRICE * 5) / 2;
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.BalanceChanged(tenant, back);
        vm.prank(OPERATOR);
        escrow.credit(leaseId, 30 minutes);
    }

    function test_switchRelay_saysTheNewOne() external {
        StubRegistry stub = new StubRegistry();
        escrow = newEscrow(INodeRegistry(address(stub)));
        fund(tenant, 0);
        INodeRegistry.Offer memory offer = registry.offer(node);
        for (uint32 relay = 2; relay <= 3; ++relay) {
            stub.setOffer(relay, offer);
            (offer.relay, offer.relayBps) = (relay, 2000);
            stub.setOffer(1, offer);
            (offer.relay, offer.relayBps) = (0, 0);
            activated(_salted(relay));
        }
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = escrow.leaseIdOf(_salted(2));
        vmEvents.expectEmit(address(escrow));
        emit ILeaseLife.RelaySwitched(ids[0], 3);
        vm.prank(AGENT);
        escrow.switchRelay(ids, 3);
    }

    // ------------------------------------------------------------------------------------------------ the end

    function test_close_saysTheBillAndWhereTheRestWent() external {
        bytes32 leaseId = activated(terms());
        forward(3 hours);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.LeaseSettled(leaseId, node, uint64(2 * PRICE));
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.LeaseEnded({
            leaseId: leaseId,
            tenant: tenant,
            node: node,
            reason: EndReason.ClosedByTenant,
            endedAt: uint40(vm.getBlockTimestamp()),
            due: uint64(3 * PRICE),
            refunded: uint64(DEPOSIT - 3 * PRICE),
            to: PAYOUT
        });
        vm.prank(tenant);
        escrow.close(leaseId, PAYOUT);
    }

    function test_expire_saysTheBalanceThatTookTheRefund() external {
        bytes32 leaseId = opened(terms());
        forward(15 minutes + 1);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.BalanceChanged(tenant, DEPOSIT);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.LeaseEnded({
            leaseId: leaseId,
            tenant: tenant,
            node: node,
            reason: EndReason.Expired,
            endedAt: uint40(vm.getBlockTimestamp()),
            due: 0,
            refunded: DEPOSIT,
            to: address(0)
        });
        escrow.expire(leaseId);
    }

    function test_end_saysThatNothingWasLeft() external {
        bytes32 leaseId = activated(terms());
        vm.warp(escrow.runsOutAt(leaseId) + 72 hours);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.LeaseEnded({
            leaseId: leaseId,
            tenant: tenant,
            node: node,
            reason: EndReason.Depleted,
            endedAt: uint40(vm.getBlockTimestamp()),
            due: DEPOSIT,
            refunded: 0,
            to: address(0)
        });
        escrow.end(leaseId);
    }

    function test_reclaim_saysWhenAndWhy() external {
        bytes32 leaseId = activated(terms());
        vm.startPrank(OPERATOR);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseLife.ReclaimStarted(leaseId, node, uint40(vm.getBlockTimestamp() + 1 days), "disk");
        escrow.startReclaim(leaseId, "disk");
        forward(1 days);
        uint64 owed = uint64(24 * PRICE);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.LeaseEnded({
            leaseId: leaseId,
            tenant: tenant,
            node: node,
            reason: EndReason.ReclaimedByOperator,
            endedAt: uint40(vm.getBlockTimestamp()),
            due: owed,
            refunded: DEPOSIT - owed,
            to: address(0)
        });
        escrow.reclaim(leaseId);
        vm.stopPrank();
    }

    // ------------------------------------------------------------------------------------------------ templates

    function test_templateFee_isSaidWhenHeldPaidAndGivenBack() external {
        Terms memory asked = _templated(500_001);
        bytes32 leaseId = escrow.leaseIdOf(asked);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseOpening.TemplateFeeHeld(leaseId, 1, 1, AUTHOR, 500_001, 30 minutes);
        activated(asked);
        forward(30 minutes);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseLife.TemplateFeePaid(leaseId, AUTHOR, 425_001, 75_000);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.BalanceChanged(AUTHOR, 425_001);
        escrow.releaseTemplateFee(leaseId);
        asked.salt = bytes32(uint256(1));
        leaseId = activated(asked);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseLife.TemplateFeeRefunded(leaseId, 500_001);
        vm.prank(tenant);
        escrow.close(leaseId, PAYOUT);
    }

    // ------------------------------------------------------------------------------------------------ money

    function test_balance_isSaidAfterEachChange() external {
        vm.startPrank(tenant);
        escrow.deposit(1000);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.BalanceChanged(tenant, 1500);
        escrow.deposit(500);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.BalanceChanged(tenant, 1100);
        escrow.withdraw(PAYOUT, 400);
        vm.stopPrank();
    }

    function test_earned_isSaidWithAllThatWasTakenOut() external {
        bytes32 leaseId = activated(terms());
        forward(3 hours);
        settle(leaseId);
        vm.startPrank(OPERATOR);
        escrow.withdrawEarned(node, PAYOUT, 100);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.EarnedWithdrawn(node, OPERATOR, PAYOUT, 50, 150);
        escrow.withdrawEarned(node, PAYOUT, 50);
        vm.stopPrank();
    }

    function test_payeeAndOperator_areSaid() external {
        opened(terms());
        vm.startPrank(OPERATOR);
        vmEvents.expectEmit(address(escrow));
        emit ILedger.NodeOperatorChanged(node, STRANGER);
        escrow.setOperator(node, STRANGER);
        vmEvents.expectEmit(address(escrow));
        emit ILedger.PayeeProposed(node, OPERATOR, PAYOUT);
        escrow.proposePayee(node, PAYOUT);
        vm.stopPrank();
        vmEvents.expectEmit(address(escrow));
        emit ILedger.PayeeChanged(node, PAYOUT);
        vm.prank(PAYOUT);
        escrow.acceptPayee(node);
        assertTrue(escrow.pendingPayeeOf(node) == address(0), "no proposal is left");
    }

    // ------------------------------------------------------------------------------------------------ the desk

    function test_guard_saysWhoAndUntilWhen() external {
        vm.startPrank(OWNER);
        vmEvents.expectEmit(address(desk));
        emit IGuard.GuardianChanged(STRANGER);
        desk.setGuardian(STRANGER);
        vmEvents.expectEmit(address(desk));
        emit IGuard.SchedulerChanged(PAYOUT);
        desk.setScheduler(PAYOUT);
        vm.stopPrank();
        assertTrue(desk.guardian() == STRANGER && desk.scheduler() == PAYOUT, "set");
        vm.startPrank(STRANGER);
        vmEvents.expectEmit(address(desk));
        emit IGuard.PausedUntil(uint40(vm.getBlockTimestamp() + 7 days));
        desk.pause();
        vmEvents.expectEmit(address(desk));
        emit IGuard.PausedUntil(0);
        desk.unpause();
        vm.stopPrank();
        assertEq(desk.pausedUntil(), 0, "no pause");
    }

    function test_pointers_saysWhatIsAnnouncedAndWhatMoved() external {
        StubRegistry next = new StubRegistry();
        uint40 moveAt = uint40(vm.getBlockTimestamp() + 7 days);
        vm.startPrank(OWNER);
        vmEvents.expectEmit(address(desk));
        emit IPointers.PointersAnnounced(INodeRegistry(address(next)), IPricePolicy(address(policy)), moveAt);
        desk.announcePointers(INodeRegistry(address(next)), IPricePolicy(address(policy)));
        vm.warp(moveAt);
        vmEvents.expectEmit(address(desk));
        emit IPointers.PointersMoved(INodeRegistry(address(next)), IPricePolicy(address(policy)));
        desk.movePointers();
        ITemplateRegistry first = ITemplateRegistry(deploy("TemplateRegistry", ""));
        vmEvents.expectEmit(address(desk));
        emit IPointers.TemplatesMoved(first);
        desk.announceTemplates(first);
        ITemplateRegistry second = ITemplateRegistry(deploy("TemplateRegistry", ""));
        moveAt = uint40(vm.getBlockTimestamp() + 7 days);
        vmEvents.expectEmit(address(desk));
        emit IPointers.TemplatesAnnounced(second, moveAt);
        desk.announceTemplates(second);
        vm.warp(moveAt);
        vmEvents.expectEmit(address(desk));
        emit IPointers.TemplatesMoved(second);
        desk.moveTemplates();
        vm.stopPrank();
        assertTrue(address(desk.nextTemplates()) == address(0), "nothing is announced any more");
        assertEq(desk.templatesMoveAt(), 0, "nor a time");
        assertTrue(
            address(desk.nextRegistry()) == address(0) && address(desk.nextPolicy()) == address(0),
            "no registry and no policy"
        );
        assertEq(desk.pointersMoveAt(), 0, "nor their time");
    }

    // ------------------------------------------------------------------------------------------------ satellites

    function test_mandates_sayRenewalsAndNonces() external {
        bytes32 leaseId = activated(terms());
        ILeaseMandates mandates = escrow.MANDATES();
        vm.startPrank(tenant);
        escrow.deposit(2000);
        vmEvents.expectEmit(address(mandates));
        emit ILeaseMandates.AutoRenewChanged(leaseId, 1000, 3000, 3600);
        mandates.setAutoRenew(leaseId, ILeaseMandates.Renewal({ amount: 1000, budget: 3000, runway: 3600 }));
        vmEvents.expectEmit(address(mandates));
        emit ILeaseMandates.NonceUsed(tenant, 9);
        mandates.cancelNonce(9);
        vm.stopPrank();
        vm.warp(escrow.runsOutAt(leaseId) - 3600);
        vmEvents.expectEmit(address(mandates));
        emit ILeaseMandates.AutoRenewChanged(leaseId, 1000, 2000, 3600);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.BalanceChanged(tenant, 1000);
        mandates.renew(leaseId);
    }

    function test_quorum_saysListAndVotes() external {
        bytes32 leaseId = activated(terms());
        forward(3 hours);
        DowntimeQuorum quorum = DowntimeQuorum(address(escrow.QUORUM()));
        address[] memory list = new address[](3);
        (list[0], list[1], list[2]) = (address(0xE1), address(0xE2), address(0xE3));
        vmEvents.expectEmit(address(quorum));
        emit IDowntimeQuorum.AttestersChanged(list, 2);
        vm.prank(OWNER);
        quorum.setAttesters(list, 2);
        for (uint256 i = 0; i < 2; ++i) {
            vmEvents.expectEmit(address(quorum));
            emit IDowntimeQuorum.CreditVoted(leaseId, list[i], 600, i + 1, 2);
            vm.prank(list[i]);
            quorum.vote(leaseId, 600);
        }
        assertEq(escrow.leaseOf(leaseId).credited, 600, "credited");
    }

    // ------------------------------------------------------------------------------------------------ helpers

    function _salted(uint256 salt) private view returns (Terms memory asked) {
        asked = terms();
        asked.salt = bytes32(salt);
    }

    function _templated(uint64 fee) private returns (Terms memory asked) {
        TemplateRegistry templates = TemplateRegistry(deploy("TemplateRegistry", ""));
        vm.prank(AUTHOR);
        templates.create(
            "debian",
            ITemplateRegistry.Draft({
                fee: fee,
                refundWindow: 30 minutes,
                minimum: ITemplateRegistry.MinimumSpec({ vcpus: 1, gpus: 0, memoryMiB: 1024, diskGiB: 10 }),
                contentHash: keccak256("content"),
                content: "content",
                uri: ""
            })
        );
        vm.prank(OWNER);
        desk.announceTemplates(templates);
        asked = terms();
        (asked.template, asked.templateVersion, asked.maxTemplateFee) = (1, 1, fee);
    }
}
