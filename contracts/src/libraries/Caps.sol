// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Caps
/// @notice The bounds that no registry, policy or owner can leave, and the fixed times of a lease.
library Caps {
    /// @notice Time to activate when the terms leave it open, and its bounds.
    uint256 internal constant DEFAULT_ACTIVATE_WITHIN = 15 minutes;
    uint256 internal constant MIN_ACTIVATE_WITHIN = 1 minutes;
    uint256 internal constant MAX_ACTIVATE_WITHIN = 1 days;

    /// @notice The longest time earned money may stay creditable to the tenant.
    uint256 internal constant HOLD_BACK = 1 days;

    /// @notice How long a depleted lease keeps its place on the node before anyone may end it.
    uint256 internal constant DEPLETED_GRACE = 72 hours;

    /// @notice How long the operator may reclaim once the notice is over.
    uint256 internal constant RECLAIM_WINDOW = 7 days;

    /// @notice How long a request waits for a node before anyone may expire it.
    uint256 internal constant REQUEST_LIFE = 1 days;

    /// @notice How long the scheduler alone may assign a request.
    uint256 internal constant HEAD_START = 60 seconds;

    /// @notice What is paid in buys at least this long, and at least the node's minimum charge: a lease that could not
    /// pay its own minimum would hold capacity for less than its price.
    uint256 internal constant MIN_RUNWAY = 1 minutes;

    uint256 internal constant MIN_CHARGE = 5 minutes;
    uint256 internal constant PLATFORM_BPS = 1500;
    uint256 internal constant RELAY_BPS = 2000;

    /// @notice µUSDC: 1000 USDC.
    uint256 internal constant TEMPLATE_FEE = 1_000_000_000;
    uint256 internal constant REFUND_WINDOW = 1 hours;

    /// @notice The platform's part of a template fee; the author gets the rest.
    uint256 internal constant TEMPLATE_PLATFORM_BPS = 1500;
}
