// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { Ownable2Step } from "@openzeppelin/contracts/access/Ownable2Step.sol";

import { IPricePolicy } from "./interfaces/IPricePolicy.sol";
import { Errors } from "./libraries/Errors.sol";
import { Prices } from "./types/DataTypes.sol";

/// @title PricePolicy
/// @notice See the documentation in {IPricePolicy}. The owner is a timelock in any real deployment; whoever it is, it
/// cannot leave the bounds written here.
contract PricePolicy is IPricePolicy, Ownable2Step {
    uint256 public constant TIERS = 4;

    /// @notice Most the platform may ever take of what VMs earn.
    uint256 public constant MAX_PLATFORM_BPS = 1500;

    /// @notice Twelve units are one point: a vCPU never counts as more than one core, nor as nothing.
    uint256 public constant MAX_UNITS_PER_VCPU = 12;

    uint256 public constant MIN_MULTIPLIER_BPS = 5000;
    uint256 public constant MAX_MULTIPLIER_BPS = 30_000;
    uint256 public constant MAX_BANDWIDTH_RATE = 1_000_000;

    /// @notice Highest floor or default, µUSDC per hour: a hundred times the first default of each resource. A floor
    /// above what anybody would pay would close the market.
    uint64 public constant MAX_POINT_PRICE = 1_000_000;
    uint64 public constant MAX_MEMORY_PRICE = 500_000;
    uint64 public constant MAX_DISK_PRICE = 10_000;
    uint64 public constant MAX_GPU_PRICE = 10_000_000;

    /// @dev Both price vectors in one slot: every cap above fits 32 bits.
    struct Vectors {
        uint32 pointFloor;
        uint32 memoryFloor;
        uint32 diskFloor;
        uint32 gpuFloor;
        uint32 pointDefault;
        uint32 memoryDefault;
        uint32 diskDefault;
        uint32 gpuDefault;
    }

    Vectors private _vectors;

    /// @dev The tables share one slot, tier 0 in the lowest bits of each.
    uint32 private _unitsPerVcpu;
    uint64 private _bandwidthMultipliersBps;
    uint128 private _bandwidthRates;
    uint16 private _platformBps;

    constructor(address owner) Ownable(owner) {
        _set({
            newFloors: Prices({ point: 5000, memoryGiB: 2500, diskGiB: 50, gpu: 50_000 }),
            newDefaults: Prices({ point: 10_000, memoryGiB: 5000, diskGiB: 100, gpu: 100_000 }),
            unitsPerVcpu: [12, 8, 6, 3],
            bandwidthMultiplierBps: [8000, 10_000, 12_000, 15_000],
            bandwidthRates: [uint32(5000), 15_000, 40_000, 40_000],
            platformBps: 0
        });
    }

    // ------------------------------------------------------------------------------------------------ read-only

    /// @inheritdoc IPricePolicy
    function floors() external view override returns (Prices memory) {
        (Prices memory floorPrices, ) = _prices();
        return floorPrices;
    }

    /// @inheritdoc IPricePolicy
    function parameters()
        external
        view
        override
        returns (
            Prices memory floorPrices,
            Prices memory defaultPrices,
            uint8[4] memory unitsPerVcpu,
            uint16[4] memory bandwidthMultiplierBps,
            uint32[4] memory bandwidthRates,
            uint16 platformBps
        )
    {
        (floorPrices, defaultPrices) = _prices();
        for (uint256 i = 0; i < TIERS; ++i) {
            // The casts keep the lane that the shift moved down.
            unitsPerVcpu[i] = uint8(_unitsPerVcpu >> (i * 8));
            bandwidthMultiplierBps[i] = uint16(_bandwidthMultipliersBps >> (i * 16));
            bandwidthRates[i] = uint32(_bandwidthRates >> (i * 32));
        }
        platformBps = _platformBps;
    }

    /// @inheritdoc IPricePolicy
    function pricing(
        uint8 tier,
        uint8 bandwidth
    )
        external
        view
        override
        returns (
            Prices memory floorPrices,
            Prices memory defaultPrices,
            uint256 unitsPerVcpu,
            uint256 bandwidthMultiplierBps,
            uint256 bandwidthRate,
            uint256 platformBps
        )
    {
        if (tier >= TIERS) revert Errors.PricePolicy_UnknownTier({ tier: tier });
        if (bandwidth >= TIERS) revert Errors.PricePolicy_UnknownBandwidth({ bandwidth: bandwidth });
        (floorPrices, defaultPrices) = _prices();
        unitsPerVcpu = uint8(_unitsPerVcpu >> (uint256(tier) * 8));
        bandwidthMultiplierBps = uint16(_bandwidthMultipliersBps >> (uint256(bandwidth) * 16));
        bandwidthRate = uint32(_bandwidthRates >> (uint256(bandwidth) * 32));
        platformBps = _platformBps;
    }

    // ------------------------------------------------------------------------------------------------ state-changing

    /// @inheritdoc IPricePolicy
    function setParameters(
        Prices calldata newFloors,
        Prices calldata newDefaults,
        uint8[4] calldata unitsPerVcpu,
        uint16[4] calldata bandwidthMultiplierBps,
        uint32[4] calldata bandwidthRates,
        uint16 platformBps
    ) external override onlyOwner {
        _set(newFloors, newDefaults, unitsPerVcpu, bandwidthMultiplierBps, bandwidthRates, platformBps);
    }

    // ------------------------------------------------------------------------------------------------ internal

    function _set(
        Prices memory newFloors,
        Prices memory newDefaults,
        uint8[4] memory unitsPerVcpu,
        uint16[4] memory bandwidthMultiplierBps,
        uint32[4] memory bandwidthRates,
        uint16 platformBps
    ) private {
        _requireDefault("point", newFloors.point, newDefaults.point, MAX_POINT_PRICE);
        _requireDefault("memoryGiB", newFloors.memoryGiB, newDefaults.memoryGiB, MAX_MEMORY_PRICE);
        _requireDefault("diskGiB", newFloors.diskGiB, newDefaults.diskGiB, MAX_DISK_PRICE);
        _requireDefault("gpu", newFloors.gpu, newDefaults.gpu, MAX_GPU_PRICE);
        _requireWithin("platformBps", platformBps, 0, MAX_PLATFORM_BPS);
        uint256 units;
        uint256 multipliers;
        uint256 rates;
        for (uint256 i = 0; i < TIERS; ++i) {
            _requireWithin("unitsPerVcpu", unitsPerVcpu[i], 1, MAX_UNITS_PER_VCPU);
            _requireWithin(
                "bandwidthMultiplierBps",
                bandwidthMultiplierBps[i],
                MIN_MULTIPLIER_BPS,
                MAX_MULTIPLIER_BPS
            );
            _requireWithin("bandwidthRate", bandwidthRates[i], 0, MAX_BANDWIDTH_RATE);
            units |= uint256(unitsPerVcpu[i]) << (i * 8);
            multipliers |= uint256(bandwidthMultiplierBps[i]) << (i * 16);
            rates |= uint256(bandwidthRates[i]) << (i * 32);
        }
        _vectors = Vectors({
            pointFloor: uint32(newFloors.point),
            memoryFloor: uint32(newFloors.memoryGiB),
            diskFloor: uint32(newFloors.diskGiB),
            gpuFloor: uint32(newFloors.gpu),
            pointDefault: uint32(newDefaults.point),
            memoryDefault: uint32(newDefaults.memoryGiB),
            diskDefault: uint32(newDefaults.diskGiB),
            gpuDefault: uint32(newDefaults.gpu)
        });
        // Four lanes of 8, 16 and 32 bits fill exactly 32, 64 and 128.
        _unitsPerVcpu = uint32(units);
        _bandwidthMultipliersBps = uint64(multipliers);
        _bandwidthRates = uint128(rates);
        _platformBps = platformBps;
        emit PolicyChanged({
            floors: newFloors,
            defaults: newDefaults,
            unitsPerVcpu: unitsPerVcpu,
            bandwidthMultiplierBps: bandwidthMultiplierBps,
            bandwidthRates: bandwidthRates,
            platformBps: platformBps
        });
    }

    function _prices() private view returns (Prices memory floorPrices, Prices memory defaultPrices) {
        Vectors memory vectors = _vectors;
        floorPrices = Prices({
            point: vectors.pointFloor,
            memoryGiB: vectors.memoryFloor,
            diskGiB: vectors.diskFloor,
            gpu: vectors.gpuFloor
        });
        defaultPrices = Prices({
            point: vectors.pointDefault,
            memoryGiB: vectors.memoryDefault,
            diskGiB: vectors.diskDefault,
            gpu: vectors.gpuDefault
        });
    }

    /// @dev A floor of at least one unit keeps every lease priced; a default is at least the floor.
    function _requireDefault(string memory resource, uint64 floor, uint64 standard, uint64 cap) private pure {
        _requireWithin(resource, floor, 1, cap);
        _requireWithin(resource, standard, floor, cap);
    }

    function _requireWithin(
        string memory parameter,
        uint256 value,
        uint256 minimum,
        uint256 maximum
    ) private pure {
        if (value < minimum || value > maximum) {
            revert Errors.PricePolicy_OutOfRange({
                parameter: parameter,
                value: value,
                minimum: minimum,
                maximum: maximum
            });
        }
    }
}
