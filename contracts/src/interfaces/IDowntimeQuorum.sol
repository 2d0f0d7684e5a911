// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title IDowntimeQuorum
/// @notice Attesters who may, several together, have an operator's downtime credited to a tenant. What a bad quorum can
/// do is bounded by the escrow: the last hold-back of a lease, in the open. Holds no funds.
interface IDowntimeQuorum {
    event AttestersChanged(address[] attesters, uint256 quorum);
    event CreditVoted(
        bytes32 indexed leaseId,
        address indexed attester,
        uint32 duration,
        uint256 votes,
        uint256 quorum
    );

    /// @notice Votes for giving `duration` seconds back. The vote that completes the quorum credits them. Votes count
    /// together when they are for the same duration and the same state of the lease's credits, and within the lease's
    /// hold-back of the first of them.
    function vote(bytes32 leaseId, uint32 duration) external;

    /// @notice Replaces the list: three attesters or more, a quorum of two or more. Votes cast before do not count any
    /// longer. By the owner.
    function setAttesters(address[] calldata newAttesters, uint256 newQuorum) external;

    function attesters() external view returns (address[] memory);
    function isAttester(address account) external view returns (bool);
    function quorum() external view returns (uint256);
}
