// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Meter, Price } from "../../../contracts/src/types/LeaseRecord.sol";
import { AnyLease } from "./AnyLease.sol";
import { cheats } from "./Cheats.sol";

/// @notice Claims about what a lease owes and what its tenant gets back, on the escrow's own bytecode.
contract LeaseCheck is AnyLease {
    /// @dev At any moment, for anything that fits the storage.
    function check_dueIsAtMostDeposited(Price memory price, Meter memory meter, uint256 moment) external {
        _put(price, meter);
        assert(escrow.due(LEASE, moment) <= price.deposited);
    }

    /// @dev Once the last of it has vested. Without cuts: they divide what is settled and do not enter how much that is.
    function check_refundAndSettledAreTheDeposit(
        Price memory price,
        Meter memory meter,
        uint40 closedAt
    ) external {
        _assumeLive(price, meter, closedAt);
        (price.platformBps, price.relayBps) = (0, 0);
        _put(price, meter);
        cheats.warp(closedAt);
        cheats.prank(TENANT);
        escrow.close(LEASE, address(0));
        cheats.warp(uint256(closedAt) + price.holdBack);
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = LEASE;
        escrow.settle(ids);
        assert(escrow.leaseOf(LEASE).settled + escrow.balanceOf(TENANT) == BALANCE + price.deposited);
    }

    /// @dev Settling is the one thing that strangers do to a running lease.
    function check_settlingLowersNothing(
        Price memory price,
        Meter memory meter,
        uint40 moment,
        address stranger
    ) external {
        _assumeStranger(stranger);
        _assumeLive(price, meter, moment);
        (price.platformBps, price.relayBps) = (0, 0);
        _put(price, meter);
        cheats.warp(moment);
        uint256 before = escrow.refundable(LEASE);
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = LEASE;
        cheats.prank(stranger);
        escrow.settle(ids);
        assert(escrow.refundable(LEASE) >= before);
    }

    /// @dev Ended by a stranger, after depletion or unactivated: all there was to take back is in the balance.
    function check_strangersEndWithoutLoss(
        Price memory price,
        Meter memory meter,
        uint40 moment,
        bool depleted
    ) external {
        _assumeLive(price, meter, moment);
        (price.platformBps, price.relayBps) = (0, 0);
        _put(price, meter);
        cheats.warp(moment);
        uint256 before = escrow.refundable(LEASE);
        cheats.prank(PLATFORM);
        if (depleted) escrow.end(LEASE);
        else escrow.expire(LEASE);
        assert(escrow.balanceOf(TENANT) >= BALANCE + before);
    }

    /// @param refusal 1: USDC is paused; 2: the escrow is blacklisted; 3: the recipient is; else USDC does what it should.
    function check_closeNeverReverts(
        Price memory price,
        Meter memory meter,
        uint40 moment,
        address to,
        uint8 refusal
    ) external {
        _assumeLive(price, meter, moment);
        _put(price, meter);
        cheats.startPrank(OWNER);
        usdc.mint(address(escrow), type(uint64).max);
        if (refusal == 1) usdc.pause();
        if (refusal == 2) usdc.blacklist(address(escrow));
        if (refusal == 3) usdc.blacklist(to);
        cheats.stopPrank();
        cheats.warp(moment);
        cheats.prank(TENANT);
        (bool closed, ) = address(escrow).call(abi.encodeCall(escrow.close, (LEASE, to)));
        assert(closed);
    }
}
