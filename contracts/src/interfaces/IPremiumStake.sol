// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title IPremiumStake
/// @notice An operator's optional stake for its node. It buys a badge and a place in listings, never the right to be
/// listed. Nobody can take it: it has no owner, no slashing, and no way out but to the one who put it in, 14 days after
/// that one asks. Leaving calls nobody but the token: a dead registry or reputation strands nothing.
interface IPremiumStake {
    /// @notice What an account has in for a node.
    /// @param bonded Counts for the badge.
    /// @param unbonding On its way out.
    /// @param lockedUntil Unbonding cannot begin before; chosen by the staker.
    /// @param releaseAt From when what is unbonding can be withdrawn.
    struct Stake {
        uint96 bonded;
        uint96 unbonding;
        uint32 lockedUntil;
        uint32 releaseAt;
    }

    /// @notice The stake of an account for a node after a change.
    event StakeChanged(
        uint32 indexed node,
        address indexed staker,
        uint96 bonded,
        uint96 unbonding,
        uint32 lockedUntil,
        uint32 releaseAt
    );

    /// @notice Stakes from the caller's allowance. By the node's operator, with 95 % uptime and 10 completed leases.
    /// @param amount With what is bonded already, at least the minimum.
    /// @param lockedUntil Until when the whole stake is locked; 0 leaves the lock as it is.
    function stake(uint32 node, uint256 amount, uint256 lockedUntil) external;

    /// @notice Lengthens the lock of the caller's stake.
    function lock(uint32 node, uint256 lockedUntil) external;

    /// @notice Begins to take `amount` out, once the lock is over. What is unbonding already waits along with it: the 14
    /// days begin anew.
    function startUnbonding(uint32 node, uint256 amount) external;

    /// @notice Sends what has finished unbonding to the caller.
    function withdraw(uint32 node) external;

    /// @notice Whether the present operator of the node has at least the minimum bonded for it.
    function isPremium(uint32 node) external view returns (bool);
    function stakeOf(uint32 node, address staker) external view returns (Stake memory);
    /// @notice All stakes, unbonding ones included: what the contract holds, but for donations.
    function totalStaked() external view returns (uint256);
}
