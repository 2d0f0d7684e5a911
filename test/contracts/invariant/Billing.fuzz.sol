// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Billing } from "../../../contracts/src/libraries/Billing.sol";
import { Pricing } from "../../../contracts/src/libraries/Pricing.sol";
import { Prices, Terms } from "../../../contracts/src/types/DataTypes.sol";
import { Fixture } from "../support/Fixture.sol";
import { vm } from "../support/Vm.sol";

/// @notice The pure functions against their definitions, and the escrow against itself under two schedules.
contract BillingFuzz is Fixture {
    function testFuzz_shares_sumAndNeverFall(
        uint64 amount,
        uint64 more,
        uint16 platformBps,
        uint16 relayBps
    ) external pure {
        platformBps = uint16(bound(platformBps, 0, 1500));
        relayBps = uint16(bound(relayBps, 0, 2000));
        (uint256 p, uint256 r, uint256 n) = Billing.sharesDown(amount, platformBps, relayBps);
        assertEq(p + r + n, amount, "sum");
        (uint256 p2, uint256 r2, uint256 n2) = Billing.sharesDown(
            uint256(amount) + (more % 1000),
            platformBps,
            relayBps
        );
        assertTrue(p2 >= p && r2 >= r && n2 >= n, "monotone");
        // Each within one unit of exact: amount × p, (amount − platform) × r, the rest.
        assertLe(uint256(amount) * platformBps - p * 10_000, 9999, "platform");
        assertLe((amount - p) * relayBps - r * 10_000, 9999, "relay");
    }

    /// @notice The amounts at which two cuts on the gross make the node's share fall.
    function test_shares_neverFallWhereGrossCutsDip() external pure {
        uint256 grossDips;
        uint256 last;
        uint256 lastGross;
        for (uint256 amount = 0; amount <= 200; ++amount) {
            (, , uint256 share) = Billing.sharesDown(amount, 500, 1000);
            uint256 gross = amount - (amount * 500) / 10_000 - (amount * 1000) / 10_000;
            if (gross < lastGross) ++grossDips;
            assertTrue(share >= last, "nested");
            (last, lastGross) = (share, gross);
        }
        assertTrue(grossDips != 0, "the naive form dips, or this shows nothing");
    }

    function testFuzz_accrued_isTheFormulaAndMonotone(
        uint64 price,
        uint32 start,
        uint32 credited,
        uint40 t,
        uint16 step
    ) external pure {
        uint256 now_ = Billing.accruedDown(0, price, start, credited, t);
        uint256 origin = uint256(start) + credited;
        assertEq(now_, t > origin ? (uint256(price) * (t - origin)) / 3600 : 0, "formula");
        assertTrue(Billing.accruedDown(0, price, start, credited, uint256(t) + step) >= now_, "monotone");
    }

    function testFuzz_accrued_looksBackWithoutAJump(
        uint64 before,
        uint56 price,
        uint40 start,
        uint16 back
    ) external pure {
        vm.assume(back <= start);
        uint256 then_ = Billing.accruedDown(before, price, start, 0, start - back);
        uint256 cost = (uint256(price) * back + 3599) / 3600;
        assertEq(
            then_,
            cost < before ? before - cost : 0,
            "price of the seconds back, rounded against the node"
        );
    }

    function testFuzz_runsOutAt_isTheFirstSecond(
        uint64 deposited,
        uint56 price,
        uint64 before,
        uint40 start
    ) external pure {
        vm.assume(price != 0 && before < deposited);
        uint256 second = Billing.runsOutAt(before, price, start, 0, deposited);
        assertTrue(Billing.accruedDown(before, price, start, 0, second) >= deposited, "at");
        assertTrue(Billing.accruedDown(before, price, start, 0, second - 1) < deposited, "a second before");
    }

    /// @notice Numerator by numerator, as a fraction and not over the library's denominator.
    function testFuzz_price_isTheCeilingOfTheSum(
        uint24 units,
        uint32 mem,
        uint32 disk,
        uint8 gpus,
        uint16 mult,
        uint32 rate
    ) external pure {
        Prices memory p = Prices({ point: 10_007, memoryGiB: 5003, diskGiB: 101, gpu: 100_003 });
        uint256 price = Pricing.pricePerHourUp(Pricing.Resources(units, mem, disk, gpus), p, mult, rate);
        uint256 exact =
            (uint256(units) * p.point * 1024 +
                uint256(mem) * p.memoryGiB * 12 +
                (uint256(disk) * p.diskGiB + uint256(gpus) * p.gpu) * 12_288) * mult;
        uint256 rounded = (price - rate) * 122_880_000;
        assertTrue(rounded >= exact && rounded - exact < 122_880_000, "ceiling");
    }

    /// @notice One lease, settled at arbitrary moments or never: the same ledger, and what the formula says.
    function testFuzz_pathIndependence(uint256 seed, uint32 holdBack, uint64 deposit) external {
        Terms memory asked = terms();
        asked.holdBack = uint32(bound(holdBack, 0, 1 days));
        asked.deposit = uint64(bound(deposit, 1000, 1_000_000));
        bytes32 settledOften = activated(asked);
        asked.salt = bytes32(uint256(1));
        bytes32 settledOnce = activated(asked);
        uint256 started = vm.getBlockTimestamp();
        for (uint256 i = 0; i < 6; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            forward(seed % (i == 3 ? 40 hours : 2 hours));
            settle(settledOften);
        }
        if (seed >> 255 == 1) {
            vm.startPrank(tenant);
            escrow.close(settledOften, tenant);
            escrow.close(settledOnce, tenant);
            vm.stopPrank();
        }
        uint256 elapsed = vm.getBlockTimestamp() - started;
        forward(1 days);
        settle(settledOften);
        settle(settledOnce);
        uint256 settled = escrow.leaseOf(settledOnce).settled;
        assertEq(escrow.leaseOf(settledOften).settled, settled, "schedules");
        if (seed >> 255 == 1) {
            uint256 billable = elapsed < 60 ? 60 : elapsed;
            uint256 bill = (PRICE * billable) / 3600;
            assertEq(settled, bill < asked.deposit ? bill : asked.deposit, "the formula");
        }
    }
}
