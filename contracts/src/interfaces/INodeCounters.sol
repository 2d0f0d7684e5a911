// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title INodeCounters
/// @notice What the escrow counts for each node.
interface INodeCounters {
    /// @return hosted Leases that became active on the node.
    /// @return completed Leases of the node that came to a clean end.
    function nodeCounters(uint32 node) external view returns (uint32 hosted, uint32 completed);
}
