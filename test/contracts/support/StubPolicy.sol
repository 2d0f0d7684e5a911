// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Prices } from "../../../contracts/src/types/DataTypes.sol";

/// @notice A policy that says what a test wants, inside the bounds of the real one or not.
contract StubPolicy {
    Prices private _prices;
    uint256 private _unitsPerVcpu = 8;
    uint256 private _multiplierBps = 10_000;
    uint256 private _bandwidthRate;
    uint256 private _platformBps;

    function set(
        Prices calldata prices,
        uint256 unitsPerVcpu,
        uint256 multiplierBps,
        uint256 bandwidthRate,
        uint256 platformBps
    ) external {
        (_prices, _unitsPerVcpu, _multiplierBps) = (prices, unitsPerVcpu, multiplierBps);
        (_bandwidthRate, _platformBps) = (bandwidthRate, platformBps);
    }

    function pricing(
        uint8,
        uint8
    ) external view returns (Prices memory, Prices memory, uint256, uint256, uint256, uint256) {
        return (_prices, _prices, _unitsPerVcpu, _multiplierBps, _bandwidthRate, _platformBps);
    }
}
