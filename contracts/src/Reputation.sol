// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { Ownable2Step } from "@openzeppelin/contracts/access/Ownable2Step.sol";

import { INodeCounters } from "./interfaces/INodeCounters.sol";
import { IReputation } from "./interfaces/IReputation.sol";
import { SatelliteErrors } from "./libraries/SatelliteErrors.sol";

/// @title Reputation
/// @notice See the documentation in {IReputation}. The owner, a timelock in any real deployment, chooses attesters and
/// can do nothing else.
contract Reputation is IReputation, Ownable2Step {
    /// @notice A day of 86,400 s has one beat in 15 s.
    uint256 public constant BEATS_PER_DAY = 5760;

    uint256 public constant WINDOW_DAYS = 30;

    /// @notice Bounds what the median reads: 30 slots an attester.
    uint256 public constant MAX_ATTESTERS = 9;

    /// @notice Words of one call: 4,096 nodes.
    uint256 public constant MAX_WORDS = 256;

    uint256 private constant _BPS = 10_000;
    uint256 private constant _NODES_PER_WORD = 16;
    uint256 private constant _LANE_BITS = 16;

    /// @dev A node is a uint32, so groups end here.
    uint256 private constant _GROUPS = (uint256(type(uint32).max) + 1) / _NODES_PER_WORD;

    /// @notice Where the counters come from.
    INodeCounters public immutable ESCROW;

    address[] private _attesters;

    mapping(address attester => mapping(uint32 day => mapping(uint32 group => uint256))) private _words;

    constructor(INodeCounters escrow, address owner, address firstAttester) Ownable(owner) {
        ESCROW = escrow;
        _add(firstAttester);
    }

    // ------------------------------------------------------------------------------------------------ read-only

    /// @inheritdoc IReputation
    function attesters() external view override returns (address[] memory) {
        return _attesters;
    }

    /// @inheritdoc IReputation
    function countersOf(uint32 node) external view override returns (uint32 hosted, uint32 completed) {
        return ESCROW.nodeCounters(node);
    }

    /// @inheritdoc IReputation
    function isAttester(address account) public view override returns (bool) {
        return _find(account) < _attesters.length;
    }

    /// @inheritdoc IReputation
    function missedOf(
        address attester,
        uint32 day,
        uint32 node
    ) public view override returns (bool known, uint256 missed) {
        // At most 2^28 groups.
        uint256 word = _words[attester][day][uint32(node / _NODES_PER_WORD)];
        uint256 lane = _lane(word, node % _NODES_PER_WORD);
        return lane == 0 ? (false, 0) : (true, lane - 1);
    }

    /// @inheritdoc IReputation
    function today() public view override returns (uint256) {
        return block.timestamp / 1 days;
    }

    /// @inheritdoc IReputation
    function uptimeBy(
        address attester,
        uint32 node
    ) public view override returns (uint256 uptimeBps, uint256 knownDays) {
        uint256 end = today();
        uint256 failed;
        for (uint256 day = end - WINDOW_DAYS; day < end; ++day) {
            // Days fit 32 bits for eleven million years.
            (bool known, uint256 missed) = missedOf(attester, uint32(day), node);
            if (!known) continue;
            ++knownDays;
            failed += missed;
        }
        if (knownDays == 0) return (0, 0);
        uint256 expected = knownDays * BEATS_PER_DAY;
        uptimeBps = ((expected - failed) * _BPS) / expected;
    }

    /// @inheritdoc IReputation
    function uptimeOf(uint32 node) external view override returns (uint256 uptimeBps, uint256 opinions) {
        uint256[] memory sorted = new uint256[](_attesters.length);
        for (uint256 i = 0; i < sorted.length; ++i) {
            (uint256 figure, uint256 knownDays) = uptimeBy(_attesters[i], node);
            if (knownDays == 0) continue;
            uint256 place = opinions++;
            while (place > 0 && sorted[place - 1] > figure) {
                sorted[place] = sorted[place - 1];
                --place;
            }
            sorted[place] = figure;
        }
        if (opinions != 0) uptimeBps = sorted[(opinions - 1) / 2];
    }

    /// @inheritdoc IReputation
    function wordOf(address attester, uint32 day, uint32 group) external view override returns (uint256) {
        return _words[attester][day][group];
    }

    // ------------------------------------------------------------------------------------------------ state-changing

    /// @inheritdoc IReputation
    function attest(uint32 day, uint32 firstGroup, uint256[] calldata words) external override {
        if (!isAttester(msg.sender)) revert SatelliteErrors.Reputation_NotAttester({ caller: msg.sender });
        uint256 end = today();
        if (day >= end) {
            revert SatelliteErrors.Reputation_DayNotOver({ day: day, from: (uint256(day) + 1) * 1 days });
        }
        if (day < end - WINDOW_DAYS) {
            revert SatelliteErrors.Reputation_DayTooOld({ day: day, oldest: end - WINDOW_DAYS });
        }
        if (words.length == 0 || words.length > MAX_WORDS || firstGroup + words.length > _GROUPS) {
            revert SatelliteErrors.Reputation_BadRange({
                firstGroup: firstGroup,
                words: words.length,
                maximum: MAX_WORDS
            });
        }
        mapping(uint32 group => uint256) storage stored = _words[msg.sender][day];
        for (uint256 i = 0; i < words.length; ++i) {
            // Less than _GROUPS, as just checked.
            uint32 group = uint32(firstGroup + i);
            _requireLanes(group, words[i]);
            stored[group] = words[i];
        }
        emit Attested({ attester: msg.sender, day: day, firstGroup: firstGroup, words: words });
    }

    /// @inheritdoc IReputation
    function setAttester(address attester, bool allowed) external override onlyOwner {
        if (allowed) {
            _add(attester);
        } else {
            _remove(attester);
        }
    }

    // ------------------------------------------------------------------------------------------------ internal

    function _add(address attester) private {
        if (attester == address(0)) revert SatelliteErrors.Reputation_BadAttester({ attester: attester });
        if (isAttester(attester)) revert SatelliteErrors.Reputation_AlreadyAttester({ attester: attester });
        if (_attesters.length == MAX_ATTESTERS) {
            revert SatelliteErrors.Reputation_TooManyAttesters({ maximum: MAX_ATTESTERS });
        }
        _attesters.push(attester);
        emit AttesterChanged({ attester: attester, allowed: true });
    }

    /// @return The place of the attester, or the length of the list when it is not there.
    function _find(address attester) private view returns (uint256) {
        uint256 length = _attesters.length;
        for (uint256 i = 0; i < length; ++i) {
            if (_attesters[i] == attester) return i;
        }
        return length;
    }

    function _lane(uint256 word, uint256 place) private pure returns (uint256) {
        return uint16(word >> (place * _LANE_BITS));
    }

    function _remove(address attester) private {
        uint256 i = _find(attester);
        uint256 last = _attesters.length - 1;
        if (i > last) revert SatelliteErrors.Reputation_NotAttester({ caller: attester });
        if (last == 0) revert SatelliteErrors.Reputation_LastAttester({ attester: attester });
        _attesters[i] = _attesters[last];
        _attesters.pop();
        emit AttesterChanged({ attester: attester, allowed: false });
    }

    /// @dev Names the first node that is said to have missed more beats than a day has.
    function _requireLanes(uint256 group, uint256 word) private pure {
        for (uint256 place = 0; word >> (place * _LANE_BITS) != 0; ++place) {
            uint256 lane = _lane(word, place);
            if (lane > BEATS_PER_DAY + 1) {
                revert SatelliteErrors.Reputation_TooManyMissed({
                    node: group * _NODES_PER_WORD + place,
                    missed: lane - 1,
                    maximum: BEATS_PER_DAY
                });
            }
        }
    }
}
