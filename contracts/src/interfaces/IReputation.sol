// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title IReputation
/// @notice How much of the time nodes are there. Attesters, an allow-list behind the timelock, post for each finished UTC
/// day how many of its 5,760 heartbeats (one in 15 s) a node missed. Holds no funds and is replaceable.
///
/// How days are counted. The window is the last 30 finished days; the running day is not in it. A day that an attester
/// said nothing about is unknown: it counts neither for nor against the node. The uptime by one attester is
/// `(5760 × known days − missed beats) / (5760 × known days)`, rounded down to a basis point; an attester without a known
/// day has no opinion. The uptime of a node is the median of the opinions of the present attesters, for an even number
/// the lower of the two in the middle; without any opinion it is 0, from 0 opinions.
///
/// How it is packed. Sixteen nodes share a word: node `n` is lane `n % 16`, from the lowest bits up, of group `n / 16`.
/// A lane of 16 bits holds missed beats + 1, and 0 for unknown.
interface IReputation {
    event AttesterChanged(address indexed attester, bool allowed);

    /// @notice `words` are what the attester now says of groups `firstGroup` and following, in place of anything before.
    event Attested(address indexed attester, uint32 indexed day, uint32 firstGroup, uint256[] words);

    /// @notice Adds or removes an attester; what a removed one said counts no more. The last stays. By the owner.
    function setAttester(address attester, bool allowed) external;

    /// @notice Says what nodes missed on a day in the window. Replaces the words of those groups whole: an attester may
    /// correct itself, or take a word back with 0. By an attester, for itself.
    /// @param day Days since 1970-01-01 UTC.
    /// @param firstGroup Group of the first word.
    /// @param words 1 to 256 words.
    function attest(uint32 day, uint32 firstGroup, uint256[] calldata words) external;

    function attesters() external view returns (address[] memory);
    function isAttester(address account) external view returns (bool);
    /// @notice The day that is running.
    function today() external view returns (uint256);
    /// @notice The word an attester posted.
    function wordOf(address attester, uint32 day, uint32 group) external view returns (uint256);
    /// @notice What an attester said of a node's day.
    function missedOf(
        address attester,
        uint32 day,
        uint32 node
    ) external view returns (bool known, uint256 missed);
    /// @notice The 30-day uptime by one attester, from `knownDays` days.
    function uptimeBy(
        address attester,
        uint32 node
    ) external view returns (uint256 uptimeBps, uint256 knownDays);
    /// @notice The 30-day uptime: the median of `opinions` attesters.
    function uptimeOf(uint32 node) external view returns (uint256 uptimeBps, uint256 opinions);
    /// @notice How many leases the node has hosted and completed, as the escrow itself counts them.
    function countersOf(uint32 node) external view returns (uint32 hosted, uint32 completed);
}
