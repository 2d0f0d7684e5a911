// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { LeaseEscrow } from "../../../contracts/src/LeaseEscrow.sol";
import { Errors } from "../../../contracts/src/libraries/Errors.sol";
import { LeaseStatus, Terms } from "../../../contracts/src/types/DataTypes.sol";
import { deploy } from "../support/Deploy.sol";
import { CallbackToken, ContractStaker } from "../support/StakeTokens.sol";
import { StubRegistry } from "../support/StubRegistry.sol";
import { vm } from "../support/Vm.sol";
import { LessonFixture } from "./LessonFixture.sol";
import { NaiveBalances } from "./NaiveBalances.sol";
import {
    NaiveBatch,
    NaiveExpiry,
    NaiveNoGrace,
    NaiveProvider,
    NaivePush,
    NaiveReentry,
    NaiveRegistryExit,
    NaiveWait
} from "./NaiveExits.sol";

/// @notice How people were kept from their money, or machines from their tenants: first on a naive contract, then on the
/// escrow.
contract ExitLessonsTest is LessonFixture {
    /// @notice One operator was blacklisted by Circle, and no tenant of it and nobody in its batch was paid.
    function test_blacklistedPayee_holdsNobody() external {
        NaivePush naive = new NaivePush(IERC20(address(usdc)));
        payIn(naive, DEPOSIT);
        naive.charge(tenant, OPERATOR, PRICE);
        naive.charge(tenant, STRANGER, PRICE);
        bytes32 leaseId = activated(terms());
        bytes32 second = activated(_salted(1));
        forward(2 hours);
        vm.prank(OWNER);
        usdc.blacklist(OPERATOR);
        address[] memory operators = new address[](2);
        (operators[0], operators[1]) = (STRANGER, OPERATOR);
        vm.expectRevert("Blacklistable: account is blacklisted");
        naive.payAll(operators);
        vm.prank(tenant);
        vm.expectRevert("Blacklistable: account is blacklisted");
        naive.close(OPERATOR);

        uint256 before = usdc.balanceOf(tenant);
        escrow.settle(_two(leaseId, second));
        assertEq(escrow.leaseOf(second).settled, PRICE, "the batch went on");
        vm.prank(tenant);
        escrow.close(leaseId, tenant);
        assertEq(usdc.balanceOf(tenant), before + DEPOSIT - 2 * PRICE, "the refund arrived");
        vm.prank(OPERATOR);
        escrow.withdrawEarned(node, STRANGER, PRICE);
        assertEq(usdc.balanceOf(STRANGER), PRICE, "and the payee names another address");
    }

    /// @notice A tenant wanted out and had to wait a day for its own money.
    function test_refund_waitsForNothing() external {
        NaiveWait naive = new NaiveWait(IERC20(address(usdc)));
        payIn(naive, DEPOSIT);
        vm.startPrank(tenant);
        naive.announceClose();
        vm.expectRevert("wait");
        naive.close();
        vm.stopPrank();

        bytes32 leaseId = activated(terms());
        forward(1 hours);
        uint256 before = usdc.balanceOf(tenant);
        uint256 expected = escrow.refundable(leaseId);
        vm.prank(tenant);
        escrow.close(leaseId, tenant);
        assertEq(expected, DEPOSIT - PRICE, "known beforehand");
        assertEq(usdc.balanceOf(tenant), before + expected, "and there in the same transaction");
    }

    /// @notice An order expired that no node had taken, and the money stayed behind.
    function test_expiredLease_givesEverythingBack() external {
        NaiveExpiry naive = new NaiveExpiry(IERC20(address(usdc)));
        vm.startPrank(tenant);
        usdc.approve(address(naive), DEPOSIT);
        naive.open(1, DEPOSIT);
        vm.stopPrank();
        forward(15 minutes + 1);
        vm.prank(STRANGER);
        naive.expire(1);
        vm.prank(tenant);
        vm.expectRevert("tenant only");
        naive.close(1);
        assertEq(usdc.balanceOf(address(naive)), DEPOSIT, "naive: it is nobody's now");

        bytes32 leaseId = opened(terms());
        forward(15 minutes + 1);
        vm.prank(STRANGER);
        escrow.expire(leaseId);
        assertEq(escrow.balanceOf(tenant), DEPOSIT, "all of it is the tenant's");
        assertEq(escrow.inUse(node).pointUnits, 0, "and the node is free");
        vm.prank(tenant);
        escrow.withdraw(tenant, DEPOSIT);
        assertEq(usdc.balanceOf(address(escrow)), 0, "nothing stays");
    }

    /// @notice The registry was broken, and every exit that asked it broke with it.
    function test_brickedRegistry_stopsNoExit() external {
        StubRegistry stub = new StubRegistry();
        stub.setOffer(node, registry.offer(node));
        INodeRegistry dark = INodeRegistry(address(stub));
        NaiveRegistryExit naive = new NaiveRegistryExit(IERC20(address(usdc)), dark);
        payIn(naive, DEPOSIT);
        LeaseEscrow other = newEscrow(dark);
        bytes32[3] memory ids = _threeOf(other);
        stub.setBricked(true);
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(StubRegistry.Bricked.selector));
        naive.close(node);

        forward(1 days);
        uint256 before = usdc.balanceOf(tenant);
        other.settle(_two(ids[0], ids[1]));
        vm.prank(tenant);
        other.close(ids[0], tenant);
        assertEq(usdc.balanceOf(tenant), before + DEPOSIT - 24 * PRICE, "closed");
        vm.startPrank(OPERATOR);
        other.credit(ids[1], 60);
        other.reclaim(ids[1]);
        other.withdrawEarned(node, OPERATOR, other.earnedOf(node));
        vm.stopPrank();
        assertEq(usdc.balanceOf(OPERATOR), 46 * PRICE, "earned and withdrawn");
        other.expire(ids[2]);
        uint256 balance = other.balanceOf(tenant);
        uint256 billed = (PRICE * (1 days - 60)) / 3600;
        assertEq(balance, 2 * uint256(DEPOSIT) - billed, "credited, reclaimed, expired");
        vm.prank(tenant);
        other.withdraw(tenant, balance);
    }

    /// @notice One finished item made a keeper's whole batch fail, again and again, at its expense.
    function test_badItem_failsNoBatch() external {
        NaiveBatch naive = new NaiveBatch();
        naive.open("a");
        vm.expectRevert("unknown");
        naive.settle(_two("a", "b"));

        bytes32 leaseId = activated(terms());
        bytes32 ended = activated(_salted(1));
        bytes32 waiting = opened(_salted(2));
        vm.prank(tenant);
        escrow.close(ended, tenant);
        uint256 atTheEnd = escrow.leaseOf(ended).settled;
        forward(2 hours);
        bytes32[] memory ids = new bytes32[](5);
        (ids[0], ids[1], ids[2], ids[3], ids[4]) = ("unknown", ended, waiting, leaseId, leaseId);
        escrow.settle(ids);
        assertEq(escrow.leaseOf(leaseId).settled, PRICE, "the good one is settled, once");
        assertEq(escrow.leaseOf(ended).settled, atTheEnd, "the finished one stays as it was");
        assertEq(escrow.earnedOf(node), PRICE + atTheEnd, "and nothing else is earned");
        assertTrue(escrow.leaseOf("unknown").status == LeaseStatus.None, "nor made");
    }

    /// @notice The token called its recipient back, who withdrew the same money again.
    function test_reentryOnARefund_takesNothingTwice() external {
        CallbackToken token = new CallbackToken();
        ContractStaker attacker = new ContractStaker();
        NaiveReentry naive = new NaiveReentry(token);
        _depositBoth(token, attacker, address(naive), 100);
        bytes memory again = abi.encodeCall(NaiveReentry.withdraw, ());
        token.arm(address(attacker), abi.encodeCall(ContractStaker.run, (address(naive), again)));
        attacker.run(address(naive), again);
        assertEq(token.balanceOf(address(attacker)), 200, "naive: the other's money, too");

        LeaseEscrow other = LeaseEscrow(
            deploy("LeaseEscrow", abi.encode(IERC20(token), registry, policy, OWNER, PLATFORM))
        );
        _depositBoth(token, attacker, address(other), 2 * uint256(DEPOSIT));
        Terms memory asked = terms();
        asked.tenant = address(attacker);
        bytes32 leaseId = other.leaseIdOf(asked);
        attacker.run(address(other), abi.encodeCall(other.openFromBalance, (asked, "")));
        _reenter(token, attacker, address(other), abi.encodeCall(other.close, (leaseId, address(attacker))));
        assertEq(token.balanceOf(address(attacker)), 200 + uint256(DEPOSIT), "refunded once");
        again = abi.encodeCall(other.withdraw, (address(attacker), DEPOSIT));
        _reenter(token, attacker, address(other), again);
        assertEq(token.balanceOf(address(attacker)), 200 + 2 * uint256(DEPOSIT), "withdrawn once");
        assertEq(token.balanceOf(address(other)), other.balanceOf(tenant), "the other's money is there");
    }

    /// @notice A provider's network failed, its software took the leases for dead and closed thirty-two of them.
    function test_errorOfTheNode_closesNoLease() external {
        NaiveProvider naive = new NaiveProvider();
        naive.open("a", AGENT);
        vm.prank(AGENT);
        naive.close("a");
        assertTrue(naive.providerOf("a") == address(0), "naive: gone at once");

        bytes32 leaseId = activated(terms());
        vm.startPrank(AGENT);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.LeaseEscrow_NotTenant.selector, leaseId, tenant, AGENT)
        );
        escrow.close(leaseId, address(0));
        vm.expectRevert(
            abi.encodeWithSelector(Errors.LeaseEscrow_NotOperator.selector, leaseId, OPERATOR, AGENT)
        );
        escrow.startReclaim(leaseId, "unreachable");
        uint256 from = escrow.runsOutAt(leaseId) + 72 hours;
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseEscrow_NotEndableYet.selector, leaseId, from));
        escrow.end(leaseId);
        vm.stopPrank();
        vm.startPrank(OPERATOR);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseEscrow_ReclaimNotDue.selector, leaseId, 0, 0));
        escrow.reclaim(leaseId);
        escrow.startReclaim(leaseId, "unreachable");
        uint256 due = vm.getBlockTimestamp() + 1 days;
        vm.expectRevert(
            abi.encodeWithSelector(Errors.LeaseEscrow_ReclaimNotDue.selector, leaseId, due, due + 7 days)
        );
        escrow.reclaim(leaseId);
        vm.stopPrank();
        assertTrue(escrow.leaseOf(leaseId).status == LeaseStatus.Active, "it runs");
    }

    /// @notice The money ran out overnight, and in the morning the lease and its disk were gone.
    function test_depletedLease_waitsForATopUp() external {
        NaiveNoGrace naive = new NaiveNoGrace();
        naive.topUp("a", 1 hours);
        forward(1 hours);
        naive.end("a");
        assertEq(naive.endsAt("a"), 0, "naive: ended by anybody");

        bytes32 leaseId = activated(terms());
        uint256 from = escrow.runsOutAt(leaseId) + 72 hours;
        vm.warp(from - 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseEscrow_NotEndableYet.selector, leaseId, from));
        escrow.end(leaseId);
        vm.prank(tenant);
        escrow.topUp(leaseId, uint64(PRICE));
        assertEq(escrow.runsOutAt(leaseId), vm.getBlockTimestamp() + 1 hours, "and runs again");
    }

    // ------------------------------------------------------------------------------------------------ helpers

    function _salted(uint256 salt) private view returns (Terms memory asked) {
        asked = terms();
        asked.salt = bytes32(salt);
    }

    /// @dev Two active leases, the second with notice of a reclaim, and one that waits for its node.
    function _threeOf(LeaseEscrow other) private returns (bytes32[3] memory ids) {
        vm.startPrank(tenant);
        usdc.approve(address(other), type(uint128).max);
        for (uint256 i = 0; i < 3; ++i) {
            ids[i] = other.open(_salted(i), "");
        }
        vm.stopPrank();
        vm.startPrank(AGENT);
        other.activate(ids[0], FINGERPRINT);
        other.activate(ids[1], FINGERPRINT);
        vm.stopPrank();
        vm.prank(OPERATOR);
        other.startReclaim(ids[1], "hardware");
    }

    function _depositBoth(
        CallbackToken token,
        ContractStaker attacker,
        address into,
        uint256 amount
    ) private {
        bytes memory approve = abi.encodeCall(IERC20.approve, (into, amount));
        bytes memory put = abi.encodeWithSignature("deposit(uint256)", amount);
        token.mint(address(attacker), amount);
        attacker.run(address(token), approve);
        attacker.run(into, put);
        token.mint(tenant, amount);
        vm.startPrank(tenant);
        token.approve(into, amount);
        NaiveBalances(into).deposit(amount);
        vm.stopPrank();
    }

    /// @dev Makes the attacker do it, and again from within the token's transfer, which must fail.
    function _reenter(
        CallbackToken token,
        ContractStaker attacker,
        address target,
        bytes memory payload
    ) private {
        token.arm(address(attacker), abi.encodeCall(ContractStaker.run, (target, payload)));
        attacker.run(target, payload);
        assertTrue(token.target() == address(0), "the second call was made");
        assertTrue(!token.succeeded(), "and refused");
    }

    function _two(bytes32 first, bytes32 second) private pure returns (bytes32[] memory ids) {
        ids = new bytes32[](2);
        (ids[0], ids[1]) = (first, second);
    }
}
