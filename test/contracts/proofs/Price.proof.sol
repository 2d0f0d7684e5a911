// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Pricing } from "../../../contracts/src/libraries/Pricing.sol";
import { Prices } from "../../../contracts/src/types/DataTypes.sol";

/// @notice Claims about the price of an hour, for the model checker: one function a claim, no tests. Widths: prices 64
/// bits, resources 32, multiplier and rate as the policy's tables hold them.
contract PriceProof {
    function atLeastTheBandwidthRate(
        Pricing.Resources memory resources,
        Prices memory prices,
        uint32 multiplierBps,
        uint64 bandwidthRate
    ) external pure {
        uint256 price = Pricing.pricePerHourUp(resources, prices, multiplierBps, bandwidthRate);
        assert(price >= bandwidthRate);
    }

    function nothingCostsTheRateAlone(
        Prices memory prices,
        uint32 multiplierBps,
        uint64 bandwidthRate
    ) external pure {
        Pricing.Resources memory none;
        assert(Pricing.pricePerHourUp(none, prices, multiplierBps, bandwidthRate) == bandwidthRate);
    }

    function neverUnderAFloor(
        Prices memory node,
        Prices memory defaults,
        Prices memory floors
    ) external pure {
        Prices memory prices = Pricing.effective(node, defaults, floors);
        assert(prices.point >= floors.point && prices.memoryGiB >= floors.memoryGiB);
        assert(prices.diskGiB >= floors.diskGiB && prices.gpu >= floors.gpu);
    }

    function ownPricesAboveTheFloorsStand(
        Prices memory node,
        Prices memory defaults,
        Prices memory floors
    ) external pure {
        require(node.point > 0 && node.point >= floors.point);
        assert(Pricing.effective(node, defaults, floors).point == node.point);
    }

    /// @dev One GPU more, over anything else, at most 2^32 of each and prices of 64 bits.
    function moreNeverCostsLess(
        Pricing.Resources memory resources,
        Prices memory prices,
        uint32 multiplierBps
    ) external pure {
        require(resources.pointUnits <= type(uint32).max && resources.memoryMiB <= type(uint32).max);
        require(resources.diskGiB <= type(uint32).max && resources.gpus <= type(uint32).max);
        uint256 before = Pricing.pricePerHourUp(resources, prices, multiplierBps, 0);
        resources.gpus += 1;
        assert(Pricing.pricePerHourUp(resources, prices, multiplierBps, 0) >= before);
    }
}
