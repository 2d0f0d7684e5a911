// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Billing } from "../../../contracts/src/libraries/Billing.sol";

/// @notice Claims about `Billing.sharesDown`, for the model checker: one function a claim, no tests. Amounts are those
/// that a lease holds (64 bits), cuts anything up to the whole.
contract SharesProof {
    function sumExactly(uint64 amount, uint16 platformBps, uint16 relayBps) external pure {
        require(platformBps <= 10_000 && relayBps <= 10_000);
        (uint256 platform, uint256 relay, uint256 node) = Billing.sharesDown(amount, platformBps, relayBps);
        assert(platform + relay + node == amount);
    }

    function noneExceedsTheAmount(uint64 amount, uint16 platformBps, uint16 relayBps) external pure {
        require(platformBps <= 10_000 && relayBps <= 10_000);
        (uint256 platform, uint256 relay, uint256 node) = Billing.sharesDown(amount, platformBps, relayBps);
        assert(platform <= amount && relay <= amount && node <= amount);
    }

    /// @dev 5 % to the platform, a fifth of the rest to the relay: z3 answers for fixed cuts, not for all of them at once.
    function nothingFallsAtFivePercentAndAFifth(uint64 amount) external pure {
        (uint256 platform, uint256 relay, uint256 node) = Billing.sharesDown(amount, 500, 2_000);
        (uint256 platform1, uint256 relay1, uint256 node1) = Billing.sharesDown(
            uint256(amount) + 1,
            500,
            2_000
        );
        assert(platform1 >= platform && relay1 >= relay && node1 >= node);
    }
}
