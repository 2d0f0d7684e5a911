// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Billing } from "../../../contracts/src/libraries/Billing.sol";
import { Pricing } from "../../../contracts/src/libraries/Pricing.sol";
import { Prices } from "../../../contracts/src/types/DataTypes.sol";
import { Assertions } from "../support/Assertions.sol";

/// @notice Where the pure functions round, to the unit: as listed in LibraryEdges.tree.
contract LibraryEdgesTest is Assertions {
    // ------------------------------------------------------------------------------------------------ billing

    function test_costDown_isOneForAnHourOfOneAndNothingForASecondLess() external pure {
        assertEq(Billing.costDown(3600, 1), 1, "a second at a unit a second");
        assertEq(Billing.costDown(3599, 1), 0, "not quite a unit");
        assertEq(Billing.costDown(3601, 1), 1, "a little more than a unit");
        assertEq(Billing.costDown(1, 7200), 2, "two hours at a unit an hour");
    }

    function test_costUp_isTheCeiling() external pure {
        assertEq(Billing.costUp(3600, 1), 1, "exact");
        assertEq(Billing.costUp(3601, 1), 2, "one part more");
        assertEq(Billing.costUp(1, 1), 1, "the least there is");
        assertEq(Billing.costUp(1, 0), 0, "nothing");
    }

    function test_leastDepositUp_isTheLongerOfMinuteAndMinimumCharge() external pure {
        assertEq(Billing.leastDepositUp(3600, 0), 60, "a minute");
        assertEq(Billing.leastDepositUp(3600, 60), 60, "the same");
        assertEq(Billing.leastDepositUp(3600, 61), 61, "a second more");
        assertEq(Billing.leastDepositUp(3600, 300), 300, "five minutes");
    }

    function test_runsOutAt_isLaterByWhatWasCredited() external pure {
        assertEq(Billing.runsOutAt(0, 3600, 1000, 0, 5), 1005, "five seconds");
        assertEq(Billing.runsOutAt(0, 3600, 1000, 10, 5), 1015, "ten given back");
        assertEq(Billing.runsOutAt(3, 3600, 1000, 10, 5), 1012, "three used up before");
        assertEq(Billing.runsOutAt(0, 3599, 1000, 0, 1), 1002, "rounded up");
    }

    function test_due_isBetweenTheLeastChargeAndWhatWasPaidIn() external pure {
        assertEq(Billing.due(5, 7, 100), 7, "at least");
        assertEq(Billing.due(8, 7, 100), 8, "what accrued");
        assertEq(Billing.due(101, 7, 100), 100, "no debt");
        assertEq(Billing.due(0, 7, 3), 3, "nor by the least charge");
    }

    function test_creditableDown_isWholeSeconds() external pure {
        assertEq(Billing.creditableDown(1, 3600), 1, "a second");
        assertEq(Billing.creditableDown(1, 3601), 0, "not quite");
        assertEq(Billing.creditableDown(2, 3599), 2, "two, and a bit");
    }

    // ------------------------------------------------------------------------------------------------ pricing

    function test_effective_keepsANodesPricesWhenASingleOneIsItsOwn() external pure {
        for (uint256 i = 0; i < 4; ++i) {
            uint64[4] memory p;
            p[i] = 1;
            Prices memory own = Prices({ point: p[0], memoryGiB: p[1], diskGiB: p[2], gpu: p[3] });
            assertTrue(!Pricing.isZero(own), "a price of its own");
            Prices memory defaults = Prices({ point: 9, memoryGiB: 9, diskGiB: 9, gpu: 9 });
            Prices memory floors;
            Prices memory effective = Pricing.effective({ node: own, defaults: defaults, floors: floors });
            assertEq(effective.point, p[0], "point");
            assertEq(effective.memoryGiB, p[1], "memory");
            assertEq(effective.diskGiB, p[2], "disk");
            assertEq(effective.gpu, p[3], "gpu");
        }
        Prices memory none;
        assertTrue(Pricing.isZero(none), "no price of its own");
    }

    function test_price_isTheCeilingToTheLastPart() external pure {
        Prices memory ones = Prices({ point: 1, memoryGiB: 1, diskGiB: 1, gpu: 1 });
        // (256 + 3) × 27,636,139 is one more than a multiple of 3072 × 10,000, so the ceiling is one more than the floor.
        uint256 multiplier = 27_636_139;
        uint256 price = Pricing.pricePerHourUp(Pricing.Resources(1, 1, 0, 0), ones, multiplier, 0);
        assertEq(price, (259 * multiplier) / 30_720_000 + 1, "one part over");
        // 10,000 × 3072 × 3 is a multiple: nothing to round.
        assertEq(Pricing.pricePerHourUp(Pricing.Resources(0, 0, 2, 1), ones, 10_000, 5), 8, "exact");
    }
}
