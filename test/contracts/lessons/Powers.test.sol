// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import { DowntimeQuorum } from "../../../contracts/src/DowntimeQuorum.sol";
import { ILeaseMandates } from "../../../contracts/src/interfaces/ILeaseMandates.sol";
import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { IQuoteErrors } from "../../../contracts/src/interfaces/IQuoteErrors.sol";
import { LeaseEscrow } from "../../../contracts/src/LeaseEscrow.sol";
import { Errors } from "../../../contracts/src/libraries/Errors.sol";
import { Terms } from "../../../contracts/src/types/DataTypes.sol";
import { StubRegistry } from "../support/StubRegistry.sol";
import { vm } from "../support/Vm.sol";
import { LessonFixture } from "./LessonFixture.sol";
import {
    NaiveAttesters,
    NaiveNodeZero,
    NaiveRegistryCut,
    NaiveRenewal,
    NaiveServerKey,
    NaiveWatcher
} from "./NaivePowers.sol";

/// @notice What those in power did, or could have done, with other people's money: first on a naive contract, then on the
/// escrow.
contract PowerLessonsTest is LessonFixture {
    address private constant _KEEPER = address(0xE0);
    address[3] private _attesters = [address(0xE1), address(0xE2), address(0xE3)];

    /// @notice One stolen server key could send every user's balance to any address.
    function test_serverKey_cannotDebitABalance() external {
        NaiveServerKey naive = new NaiveServerKey(IERC20(address(usdc)), OWNER);
        payIn(naive, DEPOSIT);
        vm.prank(OWNER);
        naive.debit(tenant, OWNER, DEPOSIT);
        assertEq(naive.balanceOf(OWNER), DEPOSIT, "naive: the key took it all");

        vm.prank(tenant);
        escrow.deposit(DEPOSIT);
        bytes32 leaseId = activated(terms());
        forward(2 hours);
        settle(leaseId);
        address[7] memory powers = [
            OWNER,
            PLATFORM,
            OPERATOR,
            AGENT,
            _KEEPER,
            address(escrow.DESK()),
            address(escrow.QUORUM())
        ];
        for (uint256 i = 0; i < powers.length; ++i) {
            _tryEverything(powers[i]);
        }
        assertEq(escrow.balanceOf(tenant), DEPOSIT, "the balance stands");
        assertEq(escrow.earnedOf(node), PRICE, "and the earnings");
    }

    /// @notice A watcher read one deposit twice and wrote it into the books twice: there was less money than the books said.
    function test_deposit_countsOnceAndOnlyWhatArrived() external {
        NaiveWatcher naive = new NaiveWatcher(IERC20(address(usdc)), OWNER);
        vm.prank(tenant);
        usdc.transfer(address(naive), DEPOSIT);
        vm.startPrank(OWNER);
        naive.credit(tenant, DEPOSIT);
        naive.credit(tenant, DEPOSIT);
        vm.stopPrank();
        assertEq(naive.balanceOf(tenant), 2 * usdc.balanceOf(address(naive)), "naive: half of it is air");

        vm.startPrank(tenant);
        escrow.deposit(DEPOSIT);
        usdc.transfer(address(escrow), 5);
        usdc.approve(address(escrow), 0);
        vm.expectRevert("ERC20: transfer amount exceeds allowance");
        escrow.deposit(DEPOSIT);
        vm.stopPrank();
        assertEq(escrow.balanceOf(tenant), DEPOSIT, "what the escrow took itself, once");
        assertEq(usdc.balanceOf(address(escrow)), DEPOSIT + 5, "and it is there; a gift is nobody's");
    }

    /// @notice A machine was renewed again and again from the tenant's balance, until there was none.
    function test_renewal_staysWithinTheTenantsBounds() external {
        NaiveRenewal naive = new NaiveRenewal(IERC20(address(usdc)), PRICE);
        payIn(naive, 10 * PRICE);
        for (uint256 i = 0; i < 10; ++i) {
            vm.prank(OPERATOR);
            naive.renew(tenant, OPERATOR);
        }
        assertEq(naive.balanceOf(tenant), 0, "naive: nothing left");

        ILeaseMandates mandates = escrow.MANDATES();
        bytes32 leaseId = activated(terms());
        uint64 amount = uint64(PRICE);
        vm.prank(tenant);
        escrow.deposit(10 * PRICE);
        vm.startPrank(OPERATOR);
        vm.expectRevert(_spent(leaseId, 0, 0));
        mandates.renew(leaseId);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.LeaseEscrow_NotTenant.selector, leaseId, tenant, OPERATOR)
        );
        mandates.setAutoRenew(leaseId, ILeaseMandates.Renewal(amount, type(uint64).max, type(uint32).max));
        vm.stopPrank();
        vm.prank(tenant);
        mandates.setAutoRenew(leaseId, ILeaseMandates.Renewal(amount, 2 * amount, 30 minutes));
        for (uint256 i = 0; i < 2; ++i) {
            uint256 from = escrow.runsOutAt(leaseId) - 30 minutes;
            vm.warp(from - 1);
            vm.expectRevert(
                abi.encodeWithSelector(Errors.LeaseMandates_NotRenewableYet.selector, leaseId, from)
            );
            mandates.renew(leaseId);
            vm.warp(from);
            mandates.renew(leaseId);
        }
        forward(10 days);
        vm.expectRevert(_spent(leaseId, amount, 0));
        mandates.renew(leaseId);
        assertEq(escrow.balanceOf(tenant), 8 * PRICE, "two renewals, as allowed");
    }

    /// @notice One attester went bad and took back all that an operator had ever earned.
    function test_attesters_reachTheUnvestedHourAlone() external {
        NaiveAttesters naive = new NaiveAttesters(IERC20(address(usdc)), _attesters[0]);
        payIn(naive, 10 * PRICE);
        naive.charge(tenant, OPERATOR, 10 * PRICE);
        vm.prank(_attesters[0]);
        naive.credit(tenant, OPERATOR, 10 * PRICE);
        assertEq(naive.owed(OPERATOR), 0, "naive: one attester, everything");

        DowntimeQuorum quorum = _quorum();
        bytes32 leaseId = activated(terms());
        forward(10 hours);
        settle(leaseId);
        uint256 before = escrow.refundable(leaseId);
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(Errors.DowntimeQuorum_NotAttester.selector, STRANGER));
        quorum.vote(leaseId, 1 days);
        vm.startPrank(_attesters[0]);
        quorum.vote(leaseId, 1 days);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.DowntimeQuorum_VotedAlready.selector, leaseId, _attesters[0])
        );
        quorum.vote(leaseId, 1 days);
        vm.stopPrank();
        assertEq(escrow.refundable(leaseId), before, "one alone does nothing");
        vm.prank(_attesters[1]);
        quorum.vote(leaseId, 1 days);
        assertEq(escrow.refundable(leaseId), before + PRICE, "two reach the last hour");
        assertEq(escrow.earnedOf(node), 9 * PRICE, "and nothing that has vested");
        vm.prank(_attesters[0]);
        quorum.vote(leaseId, 1 days);
        vm.prank(_attesters[1]);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseEscrow_NothingCreditable.selector, leaseId));
        quorum.vote(leaseId, 1 days);
    }

    /// @notice A registry was replaced by one that gave a stranger the whole of every bill.
    function test_hostileRegistry_namesNoCutAboveTheCap() external {
        StubRegistry stub = new StubRegistry();
        INodeRegistry.Offer memory offer = registry.offer(node);
        stub.setOffer(2, offer);
        (offer.relay, offer.relayBps) = (2, 10_000);
        stub.setOffer(node, offer);
        NaiveRegistryCut naive = new NaiveRegistryCut(IERC20(address(usdc)), INodeRegistry(address(stub)));
        payIn(naive, PRICE);
        naive.settle(tenant, node, STRANGER, PRICE);
        assertEq(naive.owed(STRANGER), PRICE, "naive: all of it");

        LeaseEscrow other = newEscrow(INodeRegistry(address(stub)));
        vm.startPrank(tenant);
        usdc.approve(address(other), DEPOSIT);
        vm.expectRevert(
            abi.encodeWithSelector(IQuoteErrors.LeaseEscrow_AboveCap.selector, "relayBps", 10_000, 2000)
        );
        other.open(terms(), "");
        vm.stopPrank();
    }

    /// @notice A registry answered for the platform's own number, and its owner would have been paid what the platform earns.
    function test_hostileRegistry_cannotBeThePlatform() external {
        StubRegistry stub = new StubRegistry();
        NaiveNodeZero naive = new NaiveNodeZero(PLATFORM);
        naive.assign(0, STRANGER);
        assertTrue(naive.payeeOf(0) == STRANGER, "naive: the platform is the stranger");

        INodeRegistry.Offer memory offer = registry.offer(node);
        (offer.operator, offer.agent) = (STRANGER, STRANGER);
        stub.setOffer(0, offer);
        LeaseEscrow other = newEscrow(INodeRegistry(address(stub)));
        Terms memory asked = terms();
        asked.node = 0;
        vm.startPrank(tenant);
        usdc.approve(address(other), DEPOSIT);
        other.open(asked, "");
        vm.stopPrank();
        forward(1 minutes);
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(IQuoteErrors.LeaseEscrow_NodeNotActive.selector, 0));
        other.assign(asked, 0);
        assertTrue(other.payeeOf(0) == PLATFORM, "the platform's payee stands");
    }

    // ------------------------------------------------------------------------------------------------ helpers

    /// @dev Each way out of the escrow, for somebody whose money it is not.
    function _tryEverything(address power) private {
        vm.startPrank(power);
        vm.expectRevert(abi.encodeWithSelector(Errors.Ledger_BalanceTooLow.selector, power, 0, 1));
        escrow.withdraw(power, 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.Ledger_NotMandates.selector, power));
        escrow.withdrawFor(tenant, power, 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.Ledger_NotMandates.selector, power));
        escrow.topUpFor(tenant, bytes32(0), 1, true);
        vm.expectRevert(abi.encodeWithSelector(Errors.Ledger_OnlySelf.selector, power));
        escrow.sendRefund(tenant, power, 1);
        vm.expectRevert(
            power == PLATFORM
                ? abi.encodeWithSelector(Errors.Ledger_EarnedTooLow.selector, 0, 0, 1)
                : abi.encodeWithSelector(Errors.Ledger_NotPayee.selector, 0, PLATFORM, power)
        );
        escrow.withdrawEarned(0, power, 1);
        vm.expectRevert(
            power == OPERATOR
                ? abi.encodeWithSelector(Errors.Ledger_EarnedTooLow.selector, node, PRICE, PRICE + 1)
                : abi.encodeWithSelector(Errors.Ledger_NotPayee.selector, node, OPERATOR, power)
        );
        escrow.withdrawEarned(node, power, PRICE + 1);
        vm.stopPrank();
    }

    function _quorum() private returns (DowntimeQuorum quorum) {
        quorum = DowntimeQuorum(address(escrow.QUORUM()));
        address[] memory list = new address[](3);
        (list[0], list[1], list[2]) = (_attesters[0], _attesters[1], _attesters[2]);
        vm.prank(OWNER);
        quorum.setAttesters(list, 2);
    }

    function _spent(bytes32 leaseId, uint64 amount, uint64 budget) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Errors.LeaseMandates_RenewalSpent.selector, leaseId, amount, budget);
    }
}
