// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Billing } from "../../../contracts/src/libraries/Billing.sol";

/// @notice Claims about `Billing.sharesDown`, for the
/// model checker: harder ones, apart because z3 gives up on a contract as a whole; one function a claim, no tests. Amounts are those
/// that a lease holds (64 bits), cuts anything up to the whole.
contract RoundingProof {
    uint256 private constant _BPS = 10_000;

    function cutIsAtMostWhatItIsTakenFrom(uint64 amount, uint16 bps) external pure {
        require(bps <= _BPS);
        (uint256 platform, , ) = Billing.sharesDown(amount, bps, 0);
        assert(platform * _BPS <= uint256(amount) * bps);
        assert(uint256(amount) * bps < platform * _BPS + _BPS);
    }

    function platformNeverFalls(uint64 amount, uint16 platformBps) external pure {
        require(platformBps <= _BPS);
        (uint256 before, , ) = Billing.sharesDown(amount, platformBps, 0);
        (uint256 then, , ) = Billing.sharesDown(uint256(amount) + 1, platformBps, 0);
        assert(then >= before);
    }

    function platformGrowsByAtMostOne(uint64 amount, uint16 platformBps) external pure {
        require(platformBps <= _BPS);
        (uint256 before, , ) = Billing.sharesDown(amount, platformBps, 0);
        (uint256 then, , ) = Billing.sharesDown(uint256(amount) + 1, platformBps, 0);
        assert(then <= before + 1);
    }

    function relayNeverFalls(uint64 amount, uint16 platformBps, uint16 relayBps) external pure {
        require(platformBps <= _BPS && relayBps <= _BPS);
        (, uint256 before, ) = Billing.sharesDown(amount, platformBps, relayBps);
        (, uint256 then, ) = Billing.sharesDown(uint256(amount) + 1, platformBps, relayBps);
        assert(then >= before);
    }

    function nodeNeverFalls(uint64 amount, uint16 platformBps, uint16 relayBps) external pure {
        require(platformBps <= _BPS && relayBps <= _BPS);
        (, , uint256 before) = Billing.sharesDown(amount, platformBps, relayBps);
        (, , uint256 then) = Billing.sharesDown(uint256(amount) + 1, platformBps, relayBps);
        assert(then >= before);
    }
}
