// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ILeaseEscrow } from "../../../contracts/src/interfaces/ILeaseEscrow.sol";
import { IPremiumStake } from "../../../contracts/src/interfaces/IPremiumStake.sol";
import { SatelliteErrors } from "../../../contracts/src/libraries/SatelliteErrors.sol";
import { PremiumStake } from "../../../contracts/src/PremiumStake.sol";
import { Reputation } from "../../../contracts/src/Reputation.sol";
import { EscrowDouble } from "../support/EscrowDouble.sol";
import { deploy } from "../support/Deploy.sol";
import { Fixture } from "../support/Fixture.sol";
import { CallbackToken, ContractStaker, FeeToken, PlainToken } from "../support/StakeTokens.sol";
import { vm } from "../support/Vm.sol";
import { vmEvents } from "../support/VmEvents.sol";

/// @notice PremiumStake with the real registry and reputation, as listed in PremiumStake.tree.
contract PremiumStakeTest is Fixture {
    uint256 internal constant MINIMUM = 1000e18;
    address internal constant ATTESTER = address(0xF001);

    PlainToken internal token;
    EscrowDouble internal double;
    Reputation internal reputation;
    PremiumStake internal premium;

    function setUp() public override {
        super.setUp();
        double = new EscrowDouble(ILeaseEscrow(address(0)));
        reputation = Reputation(deploy("Reputation", abi.encode(double, OWNER, ATTESTER)));
        token = new PlainToken();
        premium = PremiumStake(deploy("PremiumStake", abi.encode(token, registry, reputation, MINIMUM)));
        _arm(OPERATOR);
        _attest(288);
        double.setCounters(node, 10, 10);
    }

    function test_constructor_refusesNoMinimum() external {
        vm.expectRevert(abi.encodeWithSelector(SatelliteErrors.PremiumStake_ZeroMinimum.selector));
        deploy("PremiumStake", abi.encode(token, registry, reputation, 0));
    }

    // ------------------------------------------------------------------------------------------------ stake

    function test_stake_takesTheAmountAndGivesTheBadge() external {
        assertTrue(!premium.isPremium(node), "before");
        vm.prank(OPERATOR);
        vmEvents.expectEmit(address(premium));
        emit IPremiumStake.StakeChanged(node, OPERATOR, uint96(MINIMUM), 0, 0, 0);
        premium.stake(node, MINIMUM, 0);
        assertTrue(premium.isPremium(node), "after");
        assertTrue(!premium.isPremium(node + 1), "another node");
        assertEq(token.balanceOf(address(premium)), MINIMUM, "balance");
        assertEq(premium.totalStaked(), MINIMUM, "total");
        _stake(1, 0);
        _assertStake(MINIMUM + 1, 0, 0, 0);
        assertEq(premium.totalStaked(), MINIMUM + 1, "total");
    }

    function test_stake_refusesNothingAndTooLittle() external {
        vm.startPrank(OPERATOR);
        vm.expectRevert(abi.encodeWithSelector(SatelliteErrors.PremiumStake_ZeroAmount.selector));
        premium.stake(node, 0, 0);
        vm.expectRevert(
            abi.encodeWithSelector(
                SatelliteErrors.PremiumStake_StakeTooSmall.selector,
                node,
                MINIMUM - 1,
                MINIMUM
            )
        );
        premium.stake(node, MINIMUM - 1, 0);
        vm.stopPrank();
    }

    function test_stake_isTheOperators() external {
        address[3] memory others = [STRANGER, AGENT, address(0)];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(
                abi.encodeWithSelector(
                    SatelliteErrors.PremiumStake_NotOperator.selector,
                    node,
                    OPERATOR,
                    others[i]
                )
            );
            premium.stake(node, MINIMUM, 0);
        }
    }

    function test_stake_needsUptime() external {
        _attest(289);
        _expectUptimeTooLow(9498);
        premium.stake(node, MINIMUM, 0);
        forward(31 days);
        _expectUptimeTooLow(0);
        premium.stake(node, MINIMUM, 0);
        _attest(288);
        _stake(MINIMUM, 0);
    }

    function test_stake_needsCompletions() external {
        double.setCounters(node, 100, 9);
        vm.prank(OPERATOR);
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.PremiumStake_TooFewCompletions.selector, node, 9, 10)
        );
        premium.stake(node, MINIMUM, 0);
    }

    function test_stake_refusesATokenThatTakesAFee() external {
        token = new FeeToken();
        premium = PremiumStake(deploy("PremiumStake", abi.encode(token, registry, reputation, MINIMUM)));
        _arm(OPERATOR);
        vm.prank(OPERATOR);
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.PremiumStake_ShortTransfer.selector, MINIMUM - 1, MINIMUM)
        );
        premium.stake(node, MINIMUM, 0);
    }

    function test_stake_needsAnAllowance() external {
        vm.startPrank(OPERATOR);
        token.approve(address(premium), MINIMUM - 1);
        vm.expectRevert();
        premium.stake(node, MINIMUM, 0);
        vm.stopPrank();
        _assertStake(0, 0, 0, 0);
        assertEq(premium.totalStaked(), 0, "total");
    }

    // ------------------------------------------------------------------------------------------------ lock

    function test_lock_holdsUnbondingBackUntilItsSecond() external {
        uint256 now_ = vm.getBlockTimestamp();
        _stake(MINIMUM, now_ + 30 days);
        _assertStake(MINIMUM, 0, now_ + 30 days, 0);
        vm.prank(OPERATOR);
        premium.lock(node, now_ + 60 days);
        _assertStake(MINIMUM, 0, now_ + 60 days, 0);
        vm.warp(now_ + 60 days - 1);
        vm.prank(OPERATOR);
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.PremiumStake_Locked.selector, node, now_ + 60 days)
        );
        premium.startUnbonding(node, 1);
        vm.warp(now_ + 60 days);
        _unbond(MINIMUM);
        _assertStake(0, MINIMUM, now_ + 60 days, now_ + 74 days);
    }

    function test_lock_isNeverShortenedNorWithoutEnd() external {
        uint256 now_ = vm.getBlockTimestamp();
        vm.prank(OPERATOR);
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.PremiumStake_BondedTooLow.selector, node, 0, 1)
        );
        premium.lock(node, now_ + 1 days);
        _stake(MINIMUM, now_ + 30 days);
        _expectBadLock(now_ + 30 days - 1, now_ + 30 days);
        premium.lock(node, now_ + 30 days - 1);
        _expectBadLock(now_ + 4 * 365 days + 1, now_ + 30 days);
        premium.stake(node, 1, now_ + 4 * 365 days + 1);
        vm.startPrank(OPERATOR);
        premium.stake(node, 1, 0);
        premium.lock(node, now_ + 30 days);
        vm.stopPrank();
        _assertStake(MINIMUM + 1, 0, now_ + 30 days, 0);
        forward(40 days);
        _expectBadLock(now_ + 40 days - 1, now_ + 40 days);
        premium.lock(node, now_ + 40 days - 1);
        vm.prank(OPERATOR);
        premium.lock(node, now_ + 40 days + 4 * 365 days);
    }

    // ------------------------------------------------------------------------------------------------ leaving

    function test_startUnbonding_takesTheBadgeAndWaits() external {
        uint256 now_ = vm.getBlockTimestamp();
        _stake(MINIMUM + 10, 0);
        vm.prank(OPERATOR);
        vmEvents.expectEmit(address(premium));
        emit IPremiumStake.StakeChanged(node, OPERATOR, uint96(MINIMUM), 10, 0, uint32(now_ + 14 days));
        premium.startUnbonding(node, 10);
        assertTrue(premium.isPremium(node), "at the minimum");
        forward(1 days);
        _unbond(1);
        assertTrue(!premium.isPremium(node), "under it");
        _assertStake(MINIMUM - 1, 11, 0, now_ + 15 days);
        assertEq(premium.totalStaked(), MINIMUM + 10, "total");
        vm.warp(now_ + 15 days - 1);
        vm.prank(OPERATOR);
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.PremiumStake_StillUnbonding.selector, node, now_ + 15 days)
        );
        premium.withdraw(node);
        vm.warp(now_ + 15 days);
        uint256 before = token.balanceOf(OPERATOR);
        vm.prank(OPERATOR);
        premium.withdraw(node);
        assertEq(token.balanceOf(OPERATOR), before + 11, "paid");
        _assertStake(MINIMUM - 1, 0, 0, 0);
        assertEq(premium.totalStaked(), MINIMUM - 1, "total");
        assertEq(token.balanceOf(address(premium)), MINIMUM - 1, "balance");
    }

    function test_startUnbonding_takesWhatTheCallerHas() external {
        _stake(MINIMUM, 0);
        vm.startPrank(OPERATOR);
        vm.expectRevert(abi.encodeWithSelector(SatelliteErrors.PremiumStake_ZeroAmount.selector));
        premium.startUnbonding(node, 0);
        vm.expectRevert(_bondedTooLow(MINIMUM, MINIMUM + 1));
        premium.startUnbonding(node, MINIMUM + 1);
        // As a 96-bit figure this would be zero.
        vm.expectRevert(_bondedTooLow(MINIMUM, 1 << 96));
        premium.startUnbonding(node, 1 << 96);
        vm.stopPrank();
        vm.prank(STRANGER);
        vm.expectRevert(_bondedTooLow(0, 1));
        premium.startUnbonding(node, 1);
    }

    function test_withdraw_refusesWhereNothingIsUnbonding() external {
        _stake(MINIMUM, 0);
        address[2] memory callers = [OPERATOR, STRANGER];
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(callers[i]);
            vm.expectRevert(
                abi.encodeWithSelector(SatelliteErrors.PremiumStake_NothingUnbonding.selector, node)
            );
            premium.withdraw(node);
        }
    }

    function test_leaving_worksWithRegistryAndReputationDead() external {
        _stake(MINIMUM, 0);
        vm.etch(address(registry), hex"fe");
        vm.etch(address(reputation), hex"fe");
        _unbond(MINIMUM);
        forward(14 days);
        vm.prank(OPERATOR);
        premium.withdraw(node);
        assertEq(token.balanceOf(OPERATOR), 1_000_000e18, "paid");
    }

    function test_withdraw_paysOnceHoweverTheTokenCallsBack() external {
        CallbackToken hostile = new CallbackToken();
        token = hostile;
        premium = PremiumStake(deploy("PremiumStake", abi.encode(token, registry, reputation, MINIMUM)));
        ContractStaker staker = new ContractStaker();
        _arm(address(staker));
        _arm(STRANGER);
        vm.startPrank(OPERATOR);
        registry.proposeOperator(node, address(staker));
        vm.stopPrank();
        staker.run(address(registry), abi.encodeCall(registry.acceptOperator, (node)));
        staker.run(address(token), abi.encodeCall(token.approve, (address(premium), type(uint256).max)));
        staker.run(address(premium), abi.encodeCall(premium.stake, (node, MINIMUM, 0)));
        token.mint(address(premium), MINIMUM);
        staker.run(address(premium), abi.encodeCall(premium.startUnbonding, (node, MINIMUM)));
        forward(14 days);
        bytes memory again = abi.encodeCall(premium.withdraw, (node));
        hostile.arm(address(staker), abi.encodeCall(staker.run, (address(premium), again)));
        uint256 before = token.balanceOf(address(staker));
        staker.run(address(premium), again);
        assertTrue(hostile.called() && !hostile.succeeded(), "the second call");
        assertEq(token.balanceOf(address(staker)), before + MINIMUM, "paid once");
        assertEq(token.balanceOf(address(premium)), MINIMUM, "the donation");
    }

    // ------------------------------------------------------------------------------------------------ the badge

    function test_isPremium_isOfThePresentOperator() external {
        _stake(MINIMUM, 0);
        vm.prank(OPERATOR);
        registry.proposeOperator(node, STRANGER);
        vm.prank(STRANGER);
        registry.acceptOperator(node);
        assertTrue(!premium.isPremium(node), "sold");
        _arm(STRANGER);
        vm.prank(STRANGER);
        premium.stake(node, MINIMUM, 0);
        assertTrue(premium.isPremium(node), "staked anew");
        assertEq(premium.totalStaked(), 2 * MINIMUM, "both");
        _unbond(MINIMUM);
        assertTrue(premium.isPremium(node), "the former operator's own");
        forward(14 days);
        vm.prank(OPERATOR);
        premium.withdraw(node);
        assertEq(token.balanceOf(OPERATOR), 1_000_000e18, "paid");
        assertEq(premium.stakeOf(node, STRANGER).bonded, MINIMUM, "the new one's");
    }

    function test_isPremium_outlivesAFallOfUptime() external {
        _stake(MINIMUM, 0);
        _attest(5760);
        double.setCounters(node, 10, 0);
        assertTrue(premium.isPremium(node), "badge");
    }

    function testFuzz_leaving_givesBackAllThatWentIn(uint96 amount, uint96 first, uint32 pause) external {
        amount = uint96(bound(amount, MINIMUM, 1_000_000e18));
        first = uint96(bound(first, 1, amount));
        _stake(amount, 0);
        _unbond(first);
        forward(pause % 20 days);
        if (first < amount) _unbond(amount - first);
        forward(14 days);
        vm.prank(OPERATOR);
        premium.withdraw(node);
        assertEq(token.balanceOf(OPERATOR), 1_000_000e18, "paid");
        assertEq(premium.totalStaked(), 0, "total");
        assertEq(token.balanceOf(address(premium)), 0, "balance");
    }

    // ------------------------------------------------------------------------------------------------ helpers

    function _arm(address account) private {
        token.mint(account, 1_000_000e18);
        vm.prank(account);
        token.approve(address(premium), type(uint256).max);
    }

    function _attest(uint256 missed) private {
        uint256[] memory words = new uint256[](1);
        words[0] = (missed + 1) << (uint256(node % 16) * 16);
        uint32 yesterday = uint32(vm.getBlockTimestamp() / 1 days - 1);
        vm.prank(ATTESTER);
        reputation.attest(yesterday, node / 16, words);
    }

    function _stake(uint256 amount, uint256 lockedUntil) private {
        vm.prank(OPERATOR);
        premium.stake(node, amount, lockedUntil);
    }

    function _unbond(uint256 amount) private {
        vm.prank(OPERATOR);
        premium.startUnbonding(node, amount);
    }

    function _assertStake(
        uint256 bonded,
        uint256 unbonding,
        uint256 lockedUntil,
        uint256 releaseAt
    ) private view {
        IPremiumStake.Stake memory held = premium.stakeOf(node, OPERATOR);
        assertEq(held.bonded, bonded, "bonded");
        assertEq(held.unbonding, unbonding, "unbonding");
        assertEq(held.lockedUntil, lockedUntil, "locked until");
        assertEq(held.releaseAt, releaseAt, "release at");
    }

    function _bondedTooLow(uint256 bonded, uint256 needed) private view returns (bytes memory) {
        return
            abi.encodeWithSelector(SatelliteErrors.PremiumStake_BondedTooLow.selector, node, bonded, needed);
    }

    function _expectBadLock(uint256 lockedUntil, uint256 earliest) private {
        uint256 latest = vm.getBlockTimestamp() + 4 * 365 days;
        vm.prank(OPERATOR);
        vm.expectRevert(
            abi.encodeWithSelector(
                SatelliteErrors.PremiumStake_BadLock.selector,
                lockedUntil,
                earliest,
                latest
            )
        );
    }

    function _expectUptimeTooLow(uint256 bps) private {
        vm.prank(OPERATOR);
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.PremiumStake_UptimeTooLow.selector, node, bps, 9500)
        );
    }
}
