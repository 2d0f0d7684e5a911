// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Caps } from "./Caps.sol";

/// @title Billing
/// @notice What a lease owes, as pure functions of what is stored and of the clock. Every result is cumulative over the
/// life of the lease, so it does not matter when, how often or by whom it is evaluated.
library Billing {
    uint256 internal constant SECONDS_PER_HOUR = 3600;

    uint256 internal constant BPS = 10_000;

    /// @notice What has accrued up to `timestamp`, before any cap: `paidBefore + ⌊price × billable / 3600⌋`, where
    /// billable seconds are `timestamp − startedAt − credited` and may be negative.
    /// @dev A negative figure looks back over the end of an earlier paid segment (its gap collapsed), or over a credit;
    /// rounding is towards minus infinity on both sides of zero, so the function is monotone in `timestamp`.
    /// @param paidBefore What earlier paid segments cost; 0 in the first.
    /// @param startedAt Where the present paid segment began.
    /// @param credited Seconds of downtime given back to the tenant in this segment.
    function accruedDown(
        uint256 paidBefore,
        uint256 pricePerHour,
        uint256 startedAt,
        uint256 credited,
        uint256 timestamp
    ) internal pure returns (uint256) {
        uint256 origin = startedAt + credited;
        if (timestamp >= origin) {
            return paidBefore + (pricePerHour * (timestamp - origin)) / SECONDS_PER_HOUR;
        }
        uint256 behind = costUp(pricePerHour, origin - timestamp);
        return behind < paidBefore ? paidBefore - behind : 0;
    }

    /// @notice The price of `duration` seconds, rounded down: never more than the tenant agreed to.
    function costDown(uint256 pricePerHour, uint256 duration) internal pure returns (uint256) {
        return (pricePerHour * duration) / SECONDS_PER_HOUR;
    }

    /// @notice The price of `duration` seconds, rounded up.
    function costUp(uint256 pricePerHour, uint256 duration) internal pure returns (uint256) {
        return (pricePerHour * duration + SECONDS_PER_HOUR - 1) / SECONDS_PER_HOUR;
    }

    /// @notice The most seconds of `unsettled` money that can be given back without falling under what is settled:
    /// `due` after a credit of that length is at least `due − unsettled`.
    function creditableDown(uint256 unsettled, uint256 pricePerHour) internal pure returns (uint256) {
        return (unsettled * SECONDS_PER_HOUR) / pricePerHour;
    }

    /// @notice The least that a lease may begin a paid segment with.
    function leastDepositUp(uint256 pricePerHour, uint256 minCharge) internal pure returns (uint256) {
        return costUp(pricePerHour, minCharge > Caps.MIN_RUNWAY ? minCharge : Caps.MIN_RUNWAY);
    }

    /// @notice What is owed: what accrued, at least `leastCharge`, at most what was paid in. Prepaid: there is no debt.
    function due(uint256 accrued, uint256 leastCharge, uint256 deposited) internal pure returns (uint256) {
        uint256 charge = accrued > leastCharge ? accrued : leastCharge;
        return charge < deposited ? charge : deposited;
    }

    /// @notice The first second at which everything paid in is due.
    /// @param pricePerHour Not zero.
    function runsOutAt(
        uint256 paidBefore,
        uint256 pricePerHour,
        uint256 startedAt,
        uint256 credited,
        uint256 deposited
    ) internal pure returns (uint256) {
        uint256 remaining = deposited - paidBefore;
        return startedAt + credited + (remaining * SECONDS_PER_HOUR + pricePerHour - 1) / pricePerHour;
    }

    /// @notice Splits a cumulative amount with nested cuts: the platform on the gross, the relay on what remains, the
    /// node gets the rest. The three sum to `amount`, and none of them ever falls as `amount` grows; with both cuts on
    /// the gross the node's share would dip.
    /// @param platformBps At most 10,000.
    /// @param relayBps At most 10,000.
    function sharesDown(
        uint256 amount,
        uint256 platformBps,
        uint256 relayBps
    ) internal pure returns (uint256 platform, uint256 relay, uint256 node) {
        platform = (amount * platformBps) / BPS;
        uint256 rest = amount - platform;
        relay = (rest * relayBps) / BPS;
        node = rest - relay;
    }
}
