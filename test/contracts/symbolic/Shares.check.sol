// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Billing } from "../../../contracts/src/libraries/Billing.sol";
import { cheats } from "./Cheats.sol";

/// @notice Claims about how a cumulative amount is split. Amounts are those that a lease holds (64 bits).
contract SharesCheck {
    /// @dev For any cuts up to the whole.
    function check_sharesSumExactly(uint64 amount, uint16 platformBps, uint16 relayBps) external pure {
        cheats.assume(platformBps <= Billing.BPS && relayBps <= Billing.BPS);
        (uint256 platform, uint256 relay, uint256 node) = Billing.sharesDown(amount, platformBps, relayBps);
        assert(platform + relay + node == amount);
    }

    function check_platformNeverFalls(uint64 amount, uint64 more, uint16 platformBps) external pure {
        cheats.assume(platformBps <= Billing.BPS && more >= amount);
        (uint256 before, , ) = Billing.sharesDown(amount, platformBps, 0);
        (uint256 later, , ) = Billing.sharesDown(more, platformBps, 0);
        assert(later >= before);
    }

    function check_relayNeverFalls(
        uint64 amount,
        uint64 more,
        uint16 platformBps,
        uint16 relayBps
    ) external pure {
        cheats.assume(platformBps <= Billing.BPS && relayBps <= Billing.BPS && more >= amount);
        (, uint256 before, ) = Billing.sharesDown(amount, platformBps, relayBps);
        (, uint256 later, ) = Billing.sharesDown(more, platformBps, relayBps);
        assert(later >= before);
    }

    function check_nodeNeverFalls(
        uint64 amount,
        uint64 more,
        uint16 platformBps,
        uint16 relayBps
    ) external pure {
        cheats.assume(platformBps <= Billing.BPS && relayBps <= Billing.BPS && more >= amount);
        (, , uint256 before) = Billing.sharesDown(amount, platformBps, relayBps);
        (, , uint256 later) = Billing.sharesDown(more, platformBps, relayBps);
        assert(later >= before);
    }
}
