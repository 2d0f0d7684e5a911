// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Address } from "@openzeppelin/contracts/utils/Address.sol";

import { Billing } from "../libraries/Billing.sol";
import { Pricing } from "../libraries/Pricing.sol";
import { Prices } from "../types/DataTypes.sol";

/// @title LibraryHarness
/// @notice Opens the pure libraries to calls from outside, so that the TypeScript mirror can be held to the EVM itself.
/// Never deployed but by tests.
contract LibraryHarness {
    /// @notice Many of the calls below in one, each result as it is encoded; any that fails fails all.
    function many(bytes[] calldata calls) external view returns (bytes[] memory results) {
        results = new bytes[](calls.length);
        for (uint256 i = 0; i < calls.length; ++i) {
            results[i] = Address.functionStaticCall(address(this), calls[i]);
        }
    }

    function pricePerHour(
        Pricing.Resources calldata resources,
        Prices calldata node,
        Prices calldata defaults,
        Prices calldata floors,
        uint256 multiplierBps,
        uint256 bandwidthRate
    ) external pure returns (uint256) {
        return
            Pricing.pricePerHourUp({
                resources: resources,
                prices: Pricing.effective({ node: node, defaults: defaults, floors: floors }),
                multiplierBps: multiplierBps,
                bandwidthRate: bandwidthRate
            });
    }

    function accrued(
        uint256 paidBefore,
        uint256 price,
        uint256 startedAt,
        uint256 credited,
        uint256 timestamp
    ) external pure returns (uint256) {
        return Billing.accruedDown(paidBefore, price, startedAt, credited, timestamp);
    }

    function runsOutAt(
        uint256 paidBefore,
        uint256 price,
        uint256 startedAt,
        uint256 credited,
        uint256 deposited
    ) external pure returns (uint256) {
        return Billing.runsOutAt(paidBefore, price, startedAt, credited, deposited);
    }

    function shares(
        uint256 amount,
        uint256 platformBps,
        uint256 relayBps
    ) external pure returns (uint256 platform, uint256 relay, uint256 node) {
        return Billing.sharesDown(amount, platformBps, relayBps);
    }
}
