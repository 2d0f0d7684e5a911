// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IPricePolicy } from "../../../contracts/src/interfaces/IPricePolicy.sol";
import { Errors } from "../../../contracts/src/libraries/Errors.sol";
import { PricePolicy } from "../../../contracts/src/PricePolicy.sol";
import { Prices } from "../../../contracts/src/types/DataTypes.sol";
import { Assertions } from "../support/Assertions.sol";
import { deploy } from "../support/Deploy.sol";
import { vm } from "../support/Vm.sol";
import { vmEvents } from "../support/VmEvents.sol";

/// @notice Every parameter of the policy at both ends of what it may be, one unit inside and one outside.
contract PricePolicyBoundsTest is Assertions {
    address internal constant OWNER = address(0xA11);

    struct Set {
        uint64[4] floors;
        uint64[4] defaults;
        uint8[4] units;
        uint16[4] multipliers;
        uint32[4] rates;
        uint16 cut;
    }

    PricePolicy internal policy;
    string[4] internal names = ["point", "memoryGiB", "diskGiB", "gpu"];
    uint64[4] internal caps = [uint64(1_000_000), 500_000, 10_000, 10_000_000];

    function setUp() external {
        policy = PricePolicy(deploy("PricePolicy", abi.encode(OWNER)));
    }

    function test_prices_goFromOneToTheirCap() external {
        for (uint256 i = 0; i < 4; ++i) {
            Set memory set = _set();
            (set.floors[i], set.defaults[i]) = (1, 1);
            _apply(set);
            (set.floors[i], set.defaults[i]) = (caps[i], caps[i]);
            _apply(set);
            set.defaults[i] = caps[i] + 1;
            _refuse(set, names[i], caps[i] + 1, caps[i], caps[i]);
            (set.floors[i], set.defaults[i]) = (caps[i] + 1, caps[i]);
            _refuse(set, names[i], caps[i] + 1, 1, caps[i]);
            (set.floors[i], set.defaults[i]) = (0, 1);
            _refuse(set, names[i], 0, 1, caps[i]);
            (set.floors[i], set.defaults[i]) = (8, 7);
            _refuse(set, names[i], 7, 8, caps[i]);
        }
    }

    function test_tables_areBoundedInEveryLane() external {
        for (uint256 i = 0; i < 4; ++i) {
            Set memory set = _set();
            (set.units[i], set.multipliers[i], set.rates[i]) = (1, 5000, 0);
            _apply(set);
            (set.units[i], set.multipliers[i], set.rates[i]) = (12, 30_000, 1_000_000);
            _apply(set);
            set.units[i] = 0;
            _refuse(set, "unitsPerVcpu", 0, 1, 12);
            set.units[i] = 13;
            _refuse(set, "unitsPerVcpu", 13, 1, 12);
            (set.units[i], set.multipliers[i]) = (12, 4999);
            _refuse(set, "bandwidthMultiplierBps", 4999, 5000, 30_000);
            set.multipliers[i] = 30_001;
            _refuse(set, "bandwidthMultiplierBps", 30_001, 5000, 30_000);
            (set.multipliers[i], set.rates[i]) = (30_000, 1_000_001);
            _refuse(set, "bandwidthRate", 1_000_001, 0, 1_000_000);
        }
    }

    function test_pricing_saysWhatWasSet() external {
        Set memory set = _set();
        set.cut = 1499;
        vmEvents.expectEmit(address(policy));
        emit IPricePolicy.PolicyChanged({
            floors: _prices(set.floors),
            defaults: _prices(set.defaults),
            unitsPerVcpu: set.units,
            bandwidthMultiplierBps: set.multipliers,
            bandwidthRates: set.rates,
            platformBps: set.cut
        });
        _apply(set);
        for (uint8 i = 0; i < 4; ++i) _assertPricing(set, i);
        assertTrue(_same(policy.floors(), _prices(set.floors)), "floors alone");
    }

    function _assertPricing(Set memory set, uint8 i) private view {
        (
            Prices memory floors,
            Prices memory defaults,
            uint256 units,
            uint256 multiplier,
            uint256 rate,
            uint256 cut
        ) = policy.pricing(i, 3 - i);
        assertTrue(_same(floors, _prices(set.floors)), "floors");
        assertTrue(_same(defaults, _prices(set.defaults)), "defaults");
        assertEq(units, set.units[i], "units");
        assertEq(multiplier, set.multipliers[3 - i], "multiplier");
        assertEq(rate, set.rates[3 - i], "rate");
        assertEq(cut, 1499, "cut");
    }

    /// @dev No two figures are alike, so that none can stand in for another.
    function _set() private pure returns (Set memory) {
        return
            Set({
                floors: [uint64(11), 12, 13, 14],
                defaults: [uint64(21), 22, 23, 24],
                units: [12, 8, 6, 3],
                multipliers: [8000, 10_000, 12_000, 15_000],
                rates: [uint32(31), 32, 33, 34],
                cut: 700
            });
    }

    function _prices(uint64[4] memory p) private pure returns (Prices memory) {
        return Prices({ point: p[0], memoryGiB: p[1], diskGiB: p[2], gpu: p[3] });
    }

    function _same(Prices memory a, Prices memory b) private pure returns (bool) {
        return keccak256(abi.encode(a)) == keccak256(abi.encode(b));
    }

    function _apply(Set memory set) private {
        vm.prank(OWNER);
        policy.setParameters(
            _prices(set.floors),
            _prices(set.defaults),
            set.units,
            set.multipliers,
            set.rates,
            set.cut
        );
    }

    function _refuse(
        Set memory set,
        string memory parameter,
        uint256 value,
        uint256 minimum,
        uint256 maximum
    ) private {
        bytes4 selector = Errors.PricePolicy_OutOfRange.selector;
        bytes memory call = abi.encodeCall(
            PricePolicy.setParameters,
            (_prices(set.floors), _prices(set.defaults), set.units, set.multipliers, set.rates, set.cut)
        );
        vm.prank(OWNER);
        (bool ok, bytes memory reason) = address(policy).call(call);
        assertTrue(!ok, "refused");
        bytes memory expected = abi.encodeWithSelector(selector, parameter, value, minimum, maximum);
        assertTrue(keccak256(reason) == keccak256(expected), parameter);
    }
}
