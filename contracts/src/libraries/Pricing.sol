// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Prices } from "../types/DataTypes.sol";

/// @title Pricing
/// @notice The one definition of what an hour of a machine costs. Everything else that shows a price mirrors this file
/// and is held to it by vectors.
library Pricing {
    /// @notice Point-units that make one compute point: the least number that keeps all four overcommit ratios exact.
    uint256 internal constant UNITS_PER_POINT = 12;

    uint256 internal constant MIB_PER_GIB = 1024;

    uint256 internal constant BPS = 10_000;

    /// @notice Least common multiple of 12 and 1024: over it, units and MiB are whole numbers.
    uint256 internal constant COMMON = 3072;

    uint256 private constant _POINT_FACTOR = COMMON / UNITS_PER_POINT;
    uint256 private constant _MEMORY_FACTOR = COMMON / MIB_PER_GIB;

    /// @notice What is asked of a node.
    /// @param pointUnits vCPUs × point-units per vCPU of the tier.
    struct Resources {
        uint256 pointUnits;
        uint256 memoryMiB;
        uint256 diskGiB;
        uint256 gpus;
    }

    /// @notice The vector that applies to a node: its own, or the defaults when it has none, and never under a floor
    /// (a floor raised after the node set its prices strands no node, it lifts the price).
    function effective(
        Prices memory node,
        Prices memory defaults,
        Prices memory floors
    ) internal pure returns (Prices memory) {
        Prices memory base = isZero(node) ? defaults : node;
        return
            Prices({
                point: _max(base.point, floors.point),
                memoryGiB: _max(base.memoryGiB, floors.memoryGiB),
                diskGiB: _max(base.diskGiB, floors.diskGiB),
                gpu: _max(base.gpu, floors.gpu)
            });
    }

    /// @notice True when a node has no prices of its own.
    function isZero(Prices memory prices) internal pure returns (bool) {
        return (prices.point | prices.memoryGiB | prices.diskGiB | prices.gpu) == 0;
    }

    /// @notice µUSDC per hour: `ceil(resources × multiplier) + bandwidth rate`, summed over a common denominator and
    /// rounded up once. Prices of 64 bits and resources of 32 cannot overflow.
    /// @param multiplierBps Multiplier of the bandwidth tier, 10,000 = 1.0.
    /// @param bandwidthRate µUSDC per hour of the bandwidth tier.
    function pricePerHourUp(
        Resources memory resources,
        Prices memory prices,
        uint256 multiplierBps,
        uint256 bandwidthRate
    ) internal pure returns (uint256) {
        uint256 cost =
            resources.pointUnits * prices.point * _POINT_FACTOR +
                resources.memoryMiB * prices.memoryGiB * _MEMORY_FACTOR +
                (resources.diskGiB * prices.diskGiB + resources.gpus * prices.gpu) * COMMON;
        uint256 denominator = COMMON * BPS;
        return (cost * multiplierBps + denominator - 1) / denominator + bandwidthRate;
    }

    function _max(uint64 a, uint64 b) private pure returns (uint64) {
        return a > b ? a : b;
    }
}
