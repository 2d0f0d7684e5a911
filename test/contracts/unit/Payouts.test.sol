// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { IPayouts } from "../../../contracts/src/interfaces/IPayouts.sol";
import { LeaseEscrow } from "../../../contracts/src/LeaseEscrow.sol";
import { Errors } from "../../../contracts/src/libraries/Errors.sol";
import { SatelliteErrors } from "../../../contracts/src/libraries/SatelliteErrors.sol";
import { Payouts } from "../../../contracts/src/Payouts.sol";
import { Terms } from "../../../contracts/src/types/DataTypes.sol";
import { deploy } from "../support/Deploy.sol";
import { Fixture } from "../support/Fixture.sol";
import { CallbackToken } from "../support/StakeTokens.sol";
import { vm } from "../support/Vm.sol";
import { vmEvents } from "../support/VmEvents.sol";

/// @notice Behaviours in Payouts.tree.
contract PayoutsTest is Fixture {
    address internal constant RECIPIENT = address(0xD11);
    address internal constant OTHER = address(0xD12);
    uint256 internal constant WEEK = 7 days;

    Payouts internal payouts;
    uint32 internal second;
    bytes32 internal leaseId;
    bytes32 internal secondLease;

    function setUp() public override {
        super.setUp();
        payouts = Payouts(deploy("Payouts", abi.encode(escrow)));
        INodeRegistry.Registration memory other = registration();
        other.machineId = keccak256("another machine");
        other.agent = address(0xB13);
        vm.prank(OPERATOR);
        second = registry.register(other);
        leaseId = activated(terms());
        Terms memory asked = terms();
        asked.node = second;
        secondLease = opened(asked);
        vm.prank(other.agent);
        escrow.activate(secondLease, FINGERPRINT);
        _earn();
    }

    // ------------------------------------------------------------------------------------------------ enroll

    function test_enroll_makesTheContractThePayeeAndTheCallerTheOwner() external {
        assertTrue(!payouts.isEnrolled(node), "not yet");
        vm.prank(OPERATOR);
        escrow.proposePayee(node, address(payouts));
        vmEvents.expectEmit(address(payouts));
        emit IPayouts.Enrolled(node, OPERATOR, RECIPIENT);
        vm.prank(OPERATOR);
        payouts.enroll(node, RECIPIENT);
        assertTrue(payouts.isEnrolled(node), "enrolled");
        assertTrue(escrow.payeeOf(node) == address(payouts), "payee");
        assertTrue(!payouts.isEnrolled(second), "and no other");
        _assertPayout(node, OPERATOR, 0, RECIPIENT, address(0));
    }

    function test_enroll_refusesAnyoneButThePayee() external {
        vm.prank(OPERATOR);
        escrow.proposePayee(node, address(payouts));
        // Whoever sees the proposal cannot be faster: neither a stranger, nor the recipient, nor the operator's agent.
        address[3] memory hasty = [STRANGER, RECIPIENT, AGENT];
        for (uint256 i = 0; i < hasty.length; ++i) {
            vm.prank(hasty[i]);
            vm.expectRevert(
                abi.encodeWithSelector(SatelliteErrors.Payouts_NotPayee.selector, node, OPERATOR, hasty[i])
            );
            payouts.enroll(node, hasty[i]);
        }
        _assertPayout(node, address(0), 0, address(0), address(0));
    }

    function test_enroll_refusesWithoutAProposal() external {
        vm.prank(OPERATOR);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Ledger_NotPendingPayee.selector, node, address(0), address(payouts))
        );
        payouts.enroll(node, RECIPIENT);
        _assertPayout(node, address(0), 0, address(0), address(0));
    }

    function test_enroll_refusesABadRecipient() external {
        vm.prank(OPERATOR);
        escrow.proposePayee(node, address(payouts));
        address[3] memory bad = [address(0), address(payouts), address(escrow)];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.prank(OPERATOR);
            vm.expectRevert(abi.encodeWithSelector(SatelliteErrors.Payouts_BadRecipient.selector, bad[i]));
            payouts.enroll(node, bad[i]);
        }
    }

    function test_enroll_endsWhatAnEarlierOwnerAndItsSuccessorMayDo() external {
        _enroll(node, RECIPIENT);
        vm.startPrank(OPERATOR);
        payouts.proposeOwner(node, OTHER);
        payouts.proposePayee(node, tenant);
        vm.stopPrank();
        vm.startPrank(tenant);
        escrow.acceptPayee(node);
        escrow.proposePayee(node, address(payouts));
        payouts.enroll(node, tenant);
        vm.stopPrank();
        _assertPayout(node, tenant, 0, tenant, address(0));
        vm.prank(OTHER);
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.Payouts_NotPendingOwner.selector, node, address(0), OTHER)
        );
        payouts.acceptOwner(node);
        vm.prank(OPERATOR);
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.Payouts_NotOwner.selector, node, tenant, OPERATOR)
        );
        payouts.withdraw(node, OPERATOR, 1);
    }

    // ------------------------------------------------------------------------------------------------ push

    function test_push_paysAllThatWasEarned() external {
        _enroll(node, RECIPIENT);
        uint256 earned = escrow.earnedOf(node);
        assertTrue(earned != 0, "something was earned");
        vmEvents.expectEmit(address(payouts));
        emit IPayouts.Pushed(node, RECIPIENT, earned);
        vm.prank(STRANGER);
        payouts.push(_list(node));
        assertEq(usdc.balanceOf(RECIPIENT), earned, "paid");
        assertEq(escrow.earnedOf(node), 0, "nothing left");
        assertEq(usdc.balanceOf(address(payouts)), 0, "nothing held");
        assertEq(usdc.balanceOf(STRANGER), 0, "nothing for the caller");
        _assertPayout(node, OPERATOR, vm.getBlockTimestamp(), RECIPIENT, address(0));
    }

    function test_push_waitsAWeekToTheSecond() external {
        _enroll(node, RECIPIENT);
        payouts.push(_list(node));
        uint256 paid = usdc.balanceOf(RECIPIENT);
        forward(WEEK - 1);
        settle(leaseId);
        payouts.push(_list(node));
        assertEq(usdc.balanceOf(RECIPIENT), paid, "a second too early");
        forward(1);
        payouts.push(_list(node));
        assertTrue(usdc.balanceOf(RECIPIENT) > paid, "paid again");
        assertEq(payouts.INTERVAL(), WEEK, "a week");
    }

    function test_push_skipsWhatHasEarnedNothing_andItsTurnStays() external {
        _enroll(node, RECIPIENT);
        uint256 earned = escrow.earnedOf(node);
        vm.prank(OPERATOR);
        payouts.withdraw(node, OTHER, earned);
        payouts.push(_list(node));
        _assertPayout(node, OPERATOR, 0, RECIPIENT, address(0));
        forward(1 hours);
        settle(leaseId);
        payouts.push(_list(node));
        assertTrue(usdc.balanceOf(RECIPIENT) != 0, "paid at once");
    }

    function test_push_skipsTheUnknownAndPaysTheOthers_namedTwiceOrNot() external {
        _enroll(second, OTHER);
        uint256 earned = escrow.earnedOf(second);
        uint32[] memory nodes = new uint32[](5);
        (nodes[0], nodes[1], nodes[2], nodes[3], nodes[4]) = (0, 77, node, second, second);
        payouts.push(nodes);
        assertEq(usdc.balanceOf(OTHER), earned, "paid once");
        assertTrue(escrow.earnedOf(node) != 0, "not enrolled, not touched");
        payouts.push(new uint32[](0));
    }

    function test_push_saysNothingOfWhatItSkips() external {
        _enroll(second, OTHER);
        uint256 earned = escrow.earnedOf(second);
        vm.prank(OPERATOR);
        payouts.withdraw(second, OTHER, earned);
        uint32[] memory nodes = new uint32[](4);
        (nodes[0], nodes[1], nodes[2], nodes[3]) = (0, 77, node, second);
        vmEvents.recordLogs();
        payouts.push(nodes);
        assertEq(vmEvents.getRecordedLogs().length, 0, "neither paid nor failed");
    }

    function test_push_skipsARecipientThatUsdcRefuses_andPaysItOnceItCan() external {
        _enroll(node, RECIPIENT);
        _enroll(second, OTHER);
        uint256 earned = escrow.earnedOf(node);
        vm.prank(OWNER);
        usdc.blacklist(RECIPIENT);
        vmEvents.expectEmit(address(payouts));
        emit IPayouts.PushFailed(node, earned);
        payouts.push(_both());
        assertTrue(usdc.balanceOf(OTHER) != 0, "the other is paid");
        assertEq(escrow.earnedOf(node), earned, "nothing is lost");
        _assertPayout(node, OPERATOR, 0, RECIPIENT, address(0));
        vm.prank(OWNER);
        usdc.unBlacklist(RECIPIENT);
        payouts.push(_both());
        assertEq(usdc.balanceOf(RECIPIENT), earned, "paid, without a week's wait");
    }

    function test_push_survivesAPausedUsdc() external {
        _enroll(node, RECIPIENT);
        vm.prank(OWNER);
        usdc.pause();
        payouts.push(_list(node));
        assertTrue(escrow.earnedOf(node) != 0, "kept");
        vm.prank(OWNER);
        usdc.unpause();
        payouts.push(_list(node));
        assertEq(escrow.earnedOf(node), 0, "paid");
    }

    function test_push_skipsANodeThatLeft() external {
        _enroll(node, RECIPIENT);
        vm.prank(OPERATOR);
        payouts.proposePayee(node, OPERATOR);
        vm.prank(OPERATOR);
        escrow.acceptPayee(node);
        payouts.push(_list(node));
        assertEq(usdc.balanceOf(RECIPIENT), 0, "not paid");
        uint256 earned = escrow.earnedOf(node);
        vm.prank(OPERATOR);
        escrow.withdrawEarned(node, OTHER, earned);
        assertEq(usdc.balanceOf(OTHER), earned, "by the escrow, to whom the payee names");
    }

    function test_push_needsNoRegistry() external {
        _enroll(node, RECIPIENT);
        vm.etch(address(registry), hex"fe");
        vm.etch(address(policy), hex"fe");
        payouts.push(_list(node));
        assertTrue(usdc.balanceOf(RECIPIENT) != 0, "paid");
        forward(1 hours);
        settle(leaseId);
        uint256 earned = escrow.earnedOf(node);
        vm.prank(OPERATOR);
        payouts.withdraw(node, OTHER, earned);
        assertEq(usdc.balanceOf(OTHER), earned, "and withdrawn");
    }

    /// @dev Any amount of gas: all is paid, or all is undone. An estimate looks for the least that does not revert.
    function test_push_paysOrReverts_whateverTheGas() external {
        _enroll(node, RECIPIENT);
        _enroll(second, OTHER);
        uint256 earned = escrow.earnedOf(node);
        uint256 least;
        for (uint256 gas = 60_000; least == 0; gas += 4_000) {
            uint256 snapshot = vm.snapshotState();
            (bool done, ) = address(payouts).call{ gas: gas }(abi.encodeCall(payouts.push, (_both())));
            uint256 paid = usdc.balanceOf(RECIPIENT);
            assertEq(paid, done ? earned : 0, "all or nothing");
            assertTrue(!done || usdc.balanceOf(OTHER) != 0, "of both");
            vm.revertToState(snapshot);
            if (done) least = gas;
        }
        assertLe(least, 650_000, "a payment, and room for another");
        vm.expectRevert();
        payouts.push{ gas: 400_000 }(_list(node));
    }

    function test_push_givesEachPaymentItsGas_andSaysWhatItNeeds() external {
        _enroll(node, RECIPIENT);
        bytes memory push = abi.encodeCall(payouts.push, (_list(node)));
        (bool done, bytes memory reason) = address(payouts).call{ gas: 400_000 }(push);
        assertTrue(!done && bytes4(reason) == SatelliteErrors.Payouts_GasTooLow.selector, "too low");
        uint256 left;
        uint256 needed;
        assembly ("memory-safe") {
            left := mload(add(reason, 0x24))
            needed := mload(add(reason, 0x44))
        }
        assertTrue(left < 400_000 && left > 350_000, "what was left");
        assertEq(needed, 420_000, "what is needed");
        bytes memory payment = abi.encodeCall(payouts.pay, (node, escrow.earnedOf(node)));
        vmEvents.expectCall(address(payouts), 0, 400_000, payment);
        payouts.push(_list(node));
    }

    /// @dev The escrow of another token, which calls back in the middle of a transfer.
    function test_push_paysOnceWhenCalledAgainFromWithin() external {
        CallbackToken token = new CallbackToken();
        LeaseEscrow other = LeaseEscrow(
            deploy("LeaseEscrow", abi.encode(IERC20(address(token)), registry, policy, OWNER, PLATFORM))
        );
        Payouts paying = Payouts(deploy("Payouts", abi.encode(other)));
        token.mint(tenant, DEPOSIT);
        vm.startPrank(tenant);
        token.approve(address(other), DEPOSIT);
        bytes32 id = other.open(terms(), "");
        vm.stopPrank();
        vm.prank(AGENT);
        other.activate(id, FINGERPRINT);
        forward(10 hours);
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = id;
        other.settle(ids);
        vm.startPrank(OPERATOR);
        other.proposePayee(node, address(paying));
        paying.enroll(node, RECIPIENT);
        vm.stopPrank();
        uint256 earned = other.earnedOf(node);
        token.arm(address(paying), abi.encodeCall(paying.push, (_list(node))));
        paying.push(_list(node));
        assertTrue(token.called() && token.succeeded(), "called back, and skipped");
        assertEq(token.balanceOf(RECIPIENT), earned, "paid once");
        assertEq(other.earnedOf(node), 0, "nothing left");
    }

    function test_pay_refusesEverybodyElse() external {
        _enroll(node, RECIPIENT);
        address[3] memory callers = [OPERATOR, STRANGER, address(escrow)];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            vm.expectRevert(abi.encodeWithSelector(SatelliteErrors.Payouts_OnlySelf.selector, callers[i]));
            payouts.pay(node, 1);
        }
    }

    // ------------------------------------------------------------------------------------------------ the owner

    function test_withdraw_paysTheOwnersChoice_rightAfterAPushToo() external {
        _enroll(node, RECIPIENT);
        payouts.push(_list(node));
        forward(1 hours);
        settle(leaseId);
        uint256 earned = escrow.earnedOf(node);
        vm.prank(OPERATOR);
        payouts.withdraw(node, OTHER, earned - 1);
        assertEq(usdc.balanceOf(OTHER), earned - 1, "as much as was asked for");
        assertEq(escrow.earnedOf(node), 1, "the rest is left");
    }

    function test_withdraw_refusesABadRecipientAndTooMuch() external {
        _enroll(node, RECIPIENT);
        address[3] memory bad = [address(0), address(payouts), address(escrow)];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.prank(OPERATOR);
            vm.expectRevert(abi.encodeWithSelector(SatelliteErrors.Payouts_BadRecipient.selector, bad[i]));
            payouts.withdraw(node, bad[i], 1);
        }
        uint256 earned = escrow.earnedOf(node);
        vm.prank(OPERATOR);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Ledger_EarnedTooLow.selector, node, earned, earned + 1)
        );
        payouts.withdraw(node, OTHER, earned + 1);
    }

    function test_onlyTheOwner_doesWhatAPayeeMay() external {
        _enroll(node, RECIPIENT);
        bytes[5] memory calls = [
            abi.encodeCall(payouts.withdraw, (node, STRANGER, 1)),
            abi.encodeCall(payouts.setRecipient, (node, STRANGER)),
            abi.encodeCall(payouts.setOperator, (node, STRANGER)),
            abi.encodeCall(payouts.proposeOwner, (node, STRANGER)),
            abi.encodeCall(payouts.proposePayee, (node, STRANGER))
        ];
        // The recipient is only paid; the owner of another node is a stranger to this one; of an unknown one nobody is owner.
        address[3] memory callers = [STRANGER, RECIPIENT, address(payouts)];
        for (uint256 i = 0; i < calls.length; ++i) {
            for (uint256 j = 0; j < callers.length; ++j) {
                vm.prank(callers[j]);
                (bool done, bytes memory reason) = address(payouts).call(calls[i]);
                bytes memory expected = abi.encodeWithSelector(
                    SatelliteErrors.Payouts_NotOwner.selector,
                    node,
                    OPERATOR,
                    callers[j]
                );
                assertTrue(!done && keccak256(reason) == keccak256(expected), "refused as not the owner");
            }
        }
        assertTrue(escrow.pendingPayeeOf(node) == address(0), "nothing proposed");
    }

    function test_setRecipient_sendsTheNextPushThere() external {
        _enroll(node, RECIPIENT);
        vmEvents.expectEmit(address(payouts));
        emit IPayouts.RecipientChanged(node, OTHER);
        vm.prank(OPERATOR);
        payouts.setRecipient(node, OTHER);
        payouts.push(_list(node));
        assertEq(usdc.balanceOf(RECIPIENT), 0, "not the former");
        assertTrue(usdc.balanceOf(OTHER) != 0, "the new one");
        vm.prank(OPERATOR);
        vm.expectRevert(abi.encodeWithSelector(SatelliteErrors.Payouts_BadRecipient.selector, address(0)));
        payouts.setRecipient(node, address(0));
    }

    function test_setOperator_reachesTheEscrow() external {
        _enroll(node, RECIPIENT);
        vm.prank(OPERATOR);
        payouts.setOperator(node, OTHER);
        assertTrue(escrow.operatorOf(node) == OTHER, "named");
    }

    function test_ownership_passesInTwoSteps() external {
        _enroll(node, RECIPIENT);
        vmEvents.expectEmit(address(payouts));
        emit IPayouts.OwnerProposed(node, OPERATOR, OTHER);
        vm.prank(OPERATOR);
        payouts.proposeOwner(node, OTHER);
        _assertPayout(node, OPERATOR, 0, RECIPIENT, OTHER);
        address[2] memory hasty = [STRANGER, OPERATOR];
        for (uint256 i = 0; i < hasty.length; ++i) {
            vm.prank(hasty[i]);
            vm.expectRevert(
                abi.encodeWithSelector(
                    SatelliteErrors.Payouts_NotPendingOwner.selector,
                    node,
                    OTHER,
                    hasty[i]
                )
            );
            payouts.acceptOwner(node);
        }
        vmEvents.expectEmit(address(payouts));
        emit IPayouts.OwnerChanged(node, OTHER);
        vm.prank(OTHER);
        payouts.acceptOwner(node);
        _assertPayout(node, OTHER, 0, RECIPIENT, address(0));
        vm.prank(OPERATOR);
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.Payouts_NotOwner.selector, node, OTHER, OPERATOR)
        );
        payouts.withdraw(node, OPERATOR, 1);
    }

    /// @dev The zero address is nobody's: a withdrawn proposal cannot be accepted by anyone.
    function test_acceptOwner_refusesNobody() external {
        _enroll(node, RECIPIENT);
        vm.prank(address(0));
        vm.expectRevert(
            abi.encodeWithSelector(
                SatelliteErrors.Payouts_NotPendingOwner.selector,
                node,
                address(0),
                address(0)
            )
        );
        payouts.acceptOwner(node);
    }

    function test_proposePayee_changesNothingUntilItIsAccepted() external {
        _enroll(node, RECIPIENT);
        vm.prank(OPERATOR);
        payouts.proposePayee(node, OTHER);
        assertTrue(payouts.isEnrolled(node), "still");
        vm.prank(OPERATOR);
        payouts.proposePayee(node, address(0));
        vm.prank(OTHER);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Ledger_NotPendingPayee.selector, node, address(0), OTHER)
        );
        escrow.acceptPayee(node);
        payouts.push(_list(node));
        assertTrue(usdc.balanceOf(RECIPIENT) != 0, "paid as before");
    }

    function test_proposePayee_endsWhatTheOwnerMayDo() external {
        _enroll(node, RECIPIENT);
        vm.prank(OPERATOR);
        payouts.proposePayee(node, OTHER);
        vm.prank(OTHER);
        escrow.acceptPayee(node);
        assertTrue(!payouts.isEnrolled(node), "left");
        vm.prank(OPERATOR);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Ledger_NotPayee.selector, node, OTHER, address(payouts))
        );
        payouts.withdraw(node, OPERATOR, 1);
    }

    // ------------------------------------------------------------------------------------------------ internal

    function _earn() private {
        forward(10 hours);
        settle(leaseId);
        settle(secondLease);
    }

    function _enroll(uint32 which, address recipient) private {
        vm.startPrank(OPERATOR);
        escrow.proposePayee(which, address(payouts));
        payouts.enroll(which, recipient);
        vm.stopPrank();
    }

    function _list(uint32 which) private pure returns (uint32[] memory nodes) {
        nodes = new uint32[](1);
        nodes[0] = which;
    }

    function _both() private view returns (uint32[] memory nodes) {
        nodes = new uint32[](2);
        (nodes[0], nodes[1]) = (node, second);
    }

    function _assertPayout(
        uint32 which,
        address owner,
        uint256 pushedAt,
        address recipient,
        address pending
    ) private view {
        IPayouts.Payout memory payout = payouts.payoutOf(which);
        assertTrue(payout.owner == owner, "owner");
        assertEq(payout.pushedAt, pushedAt, "pushed at");
        assertTrue(payout.recipient == recipient, "recipient");
        assertTrue(payout.pendingOwner == pending, "pending owner");
    }
}
