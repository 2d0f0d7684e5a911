// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Billing } from "../../../contracts/src/libraries/Billing.sol";

/// @notice Claims about what is due, for the model checker: one function a claim, no tests. Widths are those of a lease
/// in storage: price 56 bits, money 64, times 40, credits 32.
contract MeterProof {
    modifier realistic(uint256 pricePerHour, uint256 duration) {
        require(pricePerHour <= type(uint56).max && duration <= type(uint40).max);
        _;
    }

    function dueIsAtMostDeposited(uint256 accrued, uint256 leastCharge, uint256 deposited) external pure {
        assert(Billing.due(accrued, leastCharge, deposited) <= deposited);
    }

    function dueIsAccruedOrACap(uint256 accrued, uint256 leastCharge, uint256 deposited) external pure {
        uint256 due = Billing.due(accrued, leastCharge, deposited);
        assert(due == accrued || due == leastCharge || due == deposited);
        assert(due >= accrued || due == deposited);
    }

    function dueNeverFallsAsTimeAccrues(
        uint256 accrued,
        uint256 later,
        uint256 leastCharge,
        uint256 deposited
    ) external pure {
        require(later >= accrued);
        assert(Billing.due(later, leastCharge, deposited) >= Billing.due(accrued, leastCharge, deposited));
    }

    function costsAreWithinOne(
        uint256 pricePerHour,
        uint256 duration
    ) external pure realistic(pricePerHour, duration) {
        uint256 down = Billing.costDown(pricePerHour, duration);
        uint256 up = Billing.costUp(pricePerHour, duration);
        assert(down <= up && up <= down + 1);
    }

    function costNeverFalls(
        uint256 pricePerHour,
        uint256 duration
    ) external pure realistic(pricePerHour, duration) {
        assert(Billing.costDown(pricePerHour, duration + 1) >= Billing.costDown(pricePerHour, duration));
    }

    function nothingAccruesAtTheStart(
        uint256 paidBefore,
        uint256 pricePerHour,
        uint256 startedAt,
        uint256 credited
    ) external pure realistic(pricePerHour, startedAt) {
        require(paidBefore <= type(uint64).max && credited <= type(uint32).max);
        uint256 origin = startedAt + credited;
        assert(Billing.accruedDown(paidBefore, pricePerHour, startedAt, credited, origin) == paidBefore);
    }

    function accruedNeverFalls(
        uint256 paidBefore,
        uint256 pricePerHour,
        uint256 startedAt,
        uint256 timestamp
    ) external pure realistic(pricePerHour, timestamp) {
        require(paidBefore <= type(uint64).max && startedAt <= type(uint40).max);
        assert(
            Billing.accruedDown(paidBefore, pricePerHour, startedAt, 0, timestamp + 1) >=
                Billing.accruedDown(paidBefore, pricePerHour, startedAt, 0, timestamp)
        );
    }

    function everythingIsDueWhenItRunsOut(
        uint256 pricePerHour,
        uint256 deposited
    ) external pure realistic(pricePerHour, 0) {
        require(pricePerHour > 0 && deposited <= type(uint64).max);
        uint256 end = Billing.runsOutAt(0, pricePerHour, 0, 0, deposited);
        assert(Billing.accruedDown(0, pricePerHour, 0, 0, end) >= deposited);
    }
}
