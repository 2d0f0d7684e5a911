// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";

import { ILeaseEscrow } from "../../../contracts/src/interfaces/ILeaseEscrow.sol";
import { IReputation } from "../../../contracts/src/interfaces/IReputation.sol";
import { SatelliteErrors } from "../../../contracts/src/libraries/SatelliteErrors.sol";
import { Reputation } from "../../../contracts/src/Reputation.sol";
import { Assertions } from "../support/Assertions.sol";
import { EscrowDouble } from "../support/EscrowDouble.sol";
import { deploy } from "../support/Deploy.sol";
import { vm } from "../support/Vm.sol";
import { vmEvents } from "../support/VmEvents.sol";

/// @notice Reputation, as listed in Reputation.tree.
contract ReputationTest is Assertions {
    address internal constant OWNER = address(0xA11);
    address internal constant STRANGER = address(0xC11);
    address internal constant FIRST = address(0xF001);
    uint32 internal constant TODAY = 20_833;
    uint32 internal constant NODE = 37;
    uint32 internal constant GROUP = 2;

    EscrowDouble internal escrow;
    Reputation internal reputation;

    function setUp() public {
        // Late in the day: the days are whole ones, not spans of 24 h.
        vm.warp(uint256(TODAY) * 1 days + 86_399);
        escrow = new EscrowDouble(ILeaseEscrow(address(0)));
        reputation = Reputation(deploy("Reputation", abi.encode(escrow, OWNER, FIRST)));
    }

    // ------------------------------------------------------------------------------------------------ attesters

    function test_constructor_listsTheFirst() external {
        assertEq(reputation.attesters().length, 1, "attesters");
        assertTrue(reputation.isAttester(FIRST) && !reputation.isAttester(STRANGER), "who");
        assertTrue(reputation.owner() == OWNER, "owner");
        vm.expectRevert(abi.encodeWithSelector(SatelliteErrors.Reputation_BadAttester.selector, address(0)));
        deploy("Reputation", abi.encode(escrow, OWNER, address(0)));
    }

    function test_setAttester_addsAndRemoves() external {
        vm.startPrank(OWNER);
        vmEvents.expectEmit(address(reputation));
        emit IReputation.AttesterChanged({ attester: _attester(1), allowed: true });
        reputation.setAttester(_attester(1), true);
        reputation.setAttester(_attester(2), true);
        vmEvents.expectEmit(address(reputation));
        emit IReputation.AttesterChanged({ attester: FIRST, allowed: false });
        reputation.setAttester(FIRST, false);
        vm.stopPrank();
        address[] memory list = reputation.attesters();
        assertEq(list.length, 2, "attesters");
        assertTrue(reputation.isAttester(_attester(1)) && reputation.isAttester(_attester(2)), "who stays");
        assertTrue(!reputation.isAttester(FIRST), "who left");
    }

    function test_setAttester_isTheOwners() external {
        bytes memory reason = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, FIRST);
        vm.startPrank(FIRST);
        vm.expectRevert(reason);
        reputation.setAttester(STRANGER, true);
        vm.expectRevert(reason);
        reputation.setAttester(FIRST, false);
        vm.stopPrank();
    }

    function test_setAttester_keepsOneToNineDifferentOnes() external {
        vm.startPrank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(SatelliteErrors.Reputation_LastAttester.selector, FIRST));
        reputation.setAttester(FIRST, false);
        vm.expectRevert(abi.encodeWithSelector(SatelliteErrors.Reputation_NotAttester.selector, STRANGER));
        reputation.setAttester(STRANGER, false);
        vm.expectRevert(abi.encodeWithSelector(SatelliteErrors.Reputation_AlreadyAttester.selector, FIRST));
        reputation.setAttester(FIRST, true);
        vm.expectRevert(abi.encodeWithSelector(SatelliteErrors.Reputation_BadAttester.selector, address(0)));
        reputation.setAttester(address(0), true);
        for (uint160 i = 1; i <= 8; ++i) reputation.setAttester(_attester(i), true);
        vm.expectRevert(abi.encodeWithSelector(SatelliteErrors.Reputation_TooManyAttesters.selector, 9));
        reputation.setAttester(_attester(9), true);
        reputation.setAttester(_attester(8), false);
        reputation.setAttester(_attester(9), true);
        vm.stopPrank();
        assertEq(reputation.attesters().length, 9, "attesters");
    }

    // ------------------------------------------------------------------------------------------------ attest

    function test_attest_keepsTheWords() external {
        uint256[] memory words = new uint256[](2);
        words[0] = _lane(NODE, 0);
        words[1] = _lane(NODE, 5760);
        vm.prank(FIRST);
        vmEvents.expectEmit(address(reputation));
        emit IReputation.Attested({ attester: FIRST, day: TODAY - 1, firstGroup: GROUP, words: words });
        reputation.attest(TODAY - 1, GROUP, words);
        assertEq(reputation.wordOf(FIRST, TODAY - 1, GROUP), words[0], "first word");
        assertEq(reputation.wordOf(FIRST, TODAY - 1, GROUP + 1), words[1], "second word");
        _assertMissed(TODAY - 1, NODE, true, 0);
        _assertMissed(TODAY - 1, NODE + 16, true, 5760);
        _assertMissed(TODAY - 1, NODE + 1, false, 0);
        _assertMissed(TODAY - 1, NODE - 1, false, 0);
        _assertMissed(TODAY - 2, NODE, false, 0);
        (bool known, ) = reputation.missedOf(STRANGER, TODAY - 1, NODE);
        assertTrue(!known, "another attester");
    }

    function test_attest_replacesItsOwnWordsWhole() external {
        _allow(_attester(1));
        _attest(FIRST, TODAY - 1, _lane(NODE, 100) | _lane(NODE + 1, 200));
        _attest(_attester(1), TODAY - 1, _lane(NODE, 300));
        _attest(FIRST, TODAY - 1, _lane(NODE, 50));
        _assertMissed(TODAY - 1, NODE, true, 50);
        _assertMissed(TODAY - 1, NODE + 1, false, 0);
        (, uint256 missed) = reputation.missedOf(_attester(1), TODAY - 1, NODE);
        assertEq(missed, 300, "the other's");
        _attest(FIRST, TODAY - 1, 0);
        _assertMissed(TODAY - 1, NODE, false, 0);
    }

    function test_attest_isAnAttesters() external {
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(SatelliteErrors.Reputation_NotAttester.selector, OWNER));
        reputation.attest(TODAY - 1, GROUP, new uint256[](1));
        _allow(STRANGER);
        _attest(STRANGER, TODAY - 1, _lane(NODE, 1));
        vm.prank(OWNER);
        reputation.setAttester(STRANGER, false);
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(SatelliteErrors.Reputation_NotAttester.selector, STRANGER));
        reputation.attest(TODAY - 1, GROUP, new uint256[](1));
    }

    function test_attest_takesFinishedDaysOfTheWindowAlone() external {
        vm.startPrank(FIRST);
        uint256[] memory words = new uint256[](1);
        for (uint32 ahead = 0; ahead < 3; ++ahead) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    SatelliteErrors.Reputation_DayNotOver.selector,
                    TODAY + ahead,
                    (uint256(TODAY) + ahead + 1) * 1 days
                )
            );
            reputation.attest(TODAY + ahead, GROUP, words);
        }
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.Reputation_DayTooOld.selector, TODAY - 31, TODAY - 30)
        );
        reputation.attest(TODAY - 31, GROUP, words);
        vm.expectRevert(
            abi.encodeWithSelector(
                SatelliteErrors.Reputation_DayNotOver.selector,
                type(uint32).max,
                (uint256(type(uint32).max) + 1) * 1 days
            )
        );
        reputation.attest(type(uint32).max, GROUP, words);
        reputation.attest(TODAY - 30, GROUP, words);
        vm.warp(vm.getBlockTimestamp() + 1);
        assertEq(reputation.today(), TODAY + 1, "midnight");
        reputation.attest(TODAY, GROUP, words);
        vm.stopPrank();
    }

    function test_attest_refusesABadRange() external {
        vm.startPrank(FIRST);
        _expectBadRange(0, 0);
        reputation.attest(TODAY - 1, 0, new uint256[](0));
        _expectBadRange(0, 257);
        reputation.attest(TODAY - 1, 0, new uint256[](257));
        _expectBadRange(1 << 28, 1);
        reputation.attest(TODAY - 1, 1 << 28, new uint256[](1));
        _expectBadRange((1 << 28) - 1, 2);
        reputation.attest(TODAY - 1, (1 << 28) - 1, new uint256[](2));
        _expectBadRange(type(uint32).max, 256);
        reputation.attest(TODAY - 1, type(uint32).max, new uint256[](256));
        uint256[] memory words = new uint256[](1);
        words[0] = _lane(15, 7);
        reputation.attest(TODAY - 1, (1 << 28) - 1, words);
        vm.stopPrank();
        _assertMissed(TODAY - 1, type(uint32).max, true, 7);
        vm.prank(FIRST);
        reputation.attest(TODAY - 1, 0, new uint256[](256));
    }

    function test_attest_refusesOneBeatTooMany() external {
        uint256[] memory words = new uint256[](2);
        words[0] = _lane(0, 5760) | _lane(15, 5760);
        vm.startPrank(FIRST);
        for (uint32 i = 0; i < 16; ++i) {
            words[1] = _lane(i, 5761);
            vm.expectRevert(
                abi.encodeWithSelector(
                    SatelliteErrors.Reputation_TooManyMissed.selector,
                    uint256(GROUP + 1) * 16 + i,
                    5761,
                    5760
                )
            );
            reputation.attest(TODAY - 1, GROUP, words);
        }
        vm.stopPrank();
        assertEq(reputation.wordOf(FIRST, TODAY - 1, GROUP), 0, "nothing of a refused call");
    }

    function testFuzz_attest_refusesMoreBeatsThanADayHas(uint256 word) external {
        // The definition, lane by lane.
        uint256 culprit = 16;
        for (uint256 i = 16; i > 0; --i) {
            if (uint16(word >> ((i - 1) * 16)) > 5761) culprit = i - 1;
        }
        uint256[] memory words = new uint256[](1);
        words[0] = word;
        vm.prank(FIRST);
        if (culprit < 16) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    SatelliteErrors.Reputation_TooManyMissed.selector,
                    uint256(GROUP) * 16 + culprit,
                    uint16(word >> (culprit * 16)) - 1,
                    5760
                )
            );
        }
        reputation.attest(TODAY - 1, GROUP, words);
    }

    function testFuzz_attest_keepsEveryLane(uint16[16] calldata missed, uint8 back) external {
        uint32 day = TODAY - 1 - (back % 30);
        uint256 word;
        for (uint32 i = 0; i < 16; ++i) word |= _lane(i, missed[i] % 5761);
        _attest(FIRST, day, word);
        for (uint32 i = 0; i < 16; ++i) _assertMissed(day, GROUP * 16 + i, true, missed[i] % 5761);
    }

    // ------------------------------------------------------------------------------------------------ uptime

    function test_uptimeBy_leavesUnknownDaysOut() external {
        _assertUptimeBy(FIRST, 0, 0);
        _attest(FIRST, TODAY - 1, _lane(NODE, 576));
        _assertUptimeBy(FIRST, 9000, 1);
        _attest(FIRST, TODAY - 30, _lane(NODE, 0));
        _assertUptimeBy(FIRST, 9500, 2);
        _attest(FIRST, TODAY - 15, _lane(NODE + 1, 0));
        _assertUptimeBy(FIRST, 9500, 2);
    }

    function test_uptimeBy_roundsDown() external {
        _attest(FIRST, TODAY - 1, _lane(NODE, 1));
        _assertUptimeBy(FIRST, 9998, 1);
        _attest(FIRST, TODAY - 1, _lane(NODE, 5760));
        _assertUptimeBy(FIRST, 0, 1);
        _attest(FIRST, TODAY - 1, _lane(NODE, 0));
        _assertUptimeBy(FIRST, 10_000, 1);
    }

    function test_uptimeBy_forgetsWhatLeavesTheWindow() external {
        _attest(FIRST, TODAY - 30, _lane(NODE, 5760));
        _attest(FIRST, TODAY - 1, _lane(NODE, 0));
        _assertUptimeBy(FIRST, 5000, 2);
        vm.warp(vm.getBlockTimestamp() + 1);
        _assertUptimeBy(FIRST, 10_000, 1);
        vm.warp(vm.getBlockTimestamp() + 29 days - 1);
        _assertUptimeBy(FIRST, 10_000, 1);
        vm.warp(vm.getBlockTimestamp() + 1 days);
        _assertUptimeBy(FIRST, 0, 0);
    }

    function test_uptimeOf_isTheMedianOfOpinions() external {
        _assertUptime(0, 0);
        for (uint160 i = 1; i <= 4; ++i) _allow(_attester(i));
        _attest(_attester(3), TODAY - 1, _lane(NODE, 576));
        _assertUptime(9000, 1);
        _attest(_attester(1), TODAY - 1, _lane(NODE, 0));
        _assertUptime(9000, 2);
        _attest(FIRST, TODAY - 1, _lane(NODE, 5760));
        _assertUptime(9000, 3);
        _attest(_attester(2), TODAY - 1, _lane(NODE, 288));
        _assertUptime(9000, 4);
        _attest(_attester(4), TODAY - 1, _lane(NODE, 288));
        _assertUptime(9500, 5);
        vm.startPrank(OWNER);
        reputation.setAttester(_attester(1), false);
        reputation.setAttester(_attester(2), false);
        vm.stopPrank();
        _assertUptime(9000, 3);
    }

    /// @notice Against a median found another way: the lowest figure that at least half of the opinions do not exceed.
    function testFuzz_uptimeOf_isTheLowerMedian(uint16[9] calldata missed, uint16 silent) external {
        for (uint160 i = 1; i < 9; ++i) _allow(_attester(i));
        uint256[] memory figures = new uint256[](9);
        uint256 opinions;
        for (uint160 i = 0; i < 9; ++i) {
            if ((silent >> i) & 1 == 1) continue;
            uint256 beats = missed[i] % 5761;
            _attest(i == 0 ? FIRST : _attester(i), TODAY - 1, _lane(NODE, beats));
            figures[opinions++] = ((5760 - beats) * 10_000) / 5760;
        }
        uint256 median = opinions == 0 ? 0 : type(uint256).max;
        for (uint256 i = 0; i < opinions; ++i) {
            uint256 notAbove;
            for (uint256 j = 0; j < opinions; ++j) {
                if (figures[j] <= figures[i]) ++notAbove;
            }
            if (notAbove * 2 >= opinions && figures[i] < median) median = figures[i];
        }
        _assertUptime(median, opinions);
    }

    function test_countersOf_areTheEscrows() external {
        escrow.setCounters(NODE, 12, 11);
        (uint32 hosted, uint32 completed) = reputation.countersOf(NODE);
        assertEq(hosted, 12, "hosted");
        assertEq(completed, 11, "completed");
    }

    // ------------------------------------------------------------------------------------------------ helpers

    function _allow(address attester) private {
        vm.prank(OWNER);
        reputation.setAttester(attester, true);
    }

    function _attest(address attester, uint32 day, uint256 word) private {
        uint256[] memory words = new uint256[](1);
        words[0] = word;
        vm.prank(attester);
        reputation.attest(day, GROUP, words);
    }

    function _attester(uint160 i) private pure returns (address) {
        return address(0xF100 + i);
    }

    /// @dev The lane of a node within its word.
    function _lane(uint32 node, uint256 missed) private pure returns (uint256) {
        return (missed + 1) << (uint256(node % 16) * 16);
    }

    function _assertMissed(uint32 day, uint32 node, bool known, uint256 missed) private view {
        (bool isKnown, uint256 beats) = reputation.missedOf(FIRST, day, node);
        assertTrue(isKnown == known, "known");
        assertEq(beats, missed, "missed");
    }

    function _assertUptime(uint256 bps, uint256 opinions) private view {
        (uint256 actual, uint256 count) = reputation.uptimeOf(NODE);
        assertEq(actual, bps, "uptime");
        assertEq(count, opinions, "opinions");
    }

    function _assertUptimeBy(address attester, uint256 bps, uint256 knownDays) private view {
        (uint256 actual, uint256 count) = reputation.uptimeBy(attester, NODE);
        assertEq(actual, bps, "uptime");
        assertEq(count, knownDays, "known days");
    }

    function _expectBadRange(uint256 firstGroup, uint256 words) private {
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.Reputation_BadRange.selector, firstGroup, words, 256)
        );
    }
}
