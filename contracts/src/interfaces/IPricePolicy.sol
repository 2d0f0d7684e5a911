// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Prices } from "../types/DataTypes.sol";

/// @title IPricePolicy
/// @notice Floors, defaults, tier and bandwidth tables and the platform's cut. Parameters move only through their owner
/// (a timelock), inside hard caps in code, and touch later leases only.
interface IPricePolicy {
    /// @notice Emitted after any change, with the whole new set.
    event PolicyChanged(
        Prices floors,
        Prices defaults,
        uint8[4] unitsPerVcpu,
        uint16[4] bandwidthMultiplierBps,
        uint32[4] bandwidthRates,
        uint16 platformBps
    );

    /// @notice Replaces the whole set, within the caps in code. By the owner.
    function setParameters(
        Prices calldata newFloors,
        Prices calldata newDefaults,
        uint8[4] calldata unitsPerVcpu,
        uint16[4] calldata bandwidthMultiplierBps,
        uint32[4] calldata bandwidthRates,
        uint16 platformBps
    ) external;

    /// @notice All that pricing one lease needs, in one call.
    /// @param tier Quality tier, 0–3.
    /// @param bandwidth Bandwidth tier, 0–3.
    function pricing(
        uint8 tier,
        uint8 bandwidth
    )
        external
        view
        returns (
            Prices memory floors,
            Prices memory defaults,
            uint256 unitsPerVcpu,
            uint256 bandwidthMultiplierBps,
            uint256 bandwidthRate,
            uint256 platformBps
        );

    /// @notice The whole set, for mirrors and displays.
    function parameters()
        external
        view
        returns (
            Prices memory floors,
            Prices memory defaults,
            uint8[4] memory unitsPerVcpu,
            uint16[4] memory bandwidthMultiplierBps,
            uint32[4] memory bandwidthRates,
            uint16 platformBps
        );

    /// @notice The floors alone, as the node registry checks them.
    function floors() external view returns (Prices memory);
}
