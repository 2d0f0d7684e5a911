// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ILeaseEscrow } from "../../../contracts/src/interfaces/ILeaseEscrow.sol";
import { Meter, Price } from "../../../contracts/src/types/LeaseRecord.sol";
import { AnyLease } from "./AnyLease.sol";
import { cheats } from "./Cheats.sol";

/// @notice Figures of a lease, of few enough bits that products and quotients of them can be decided.
/// @param pricePerHour Up to 2^20 µUSDC, a dollar and five cents.
/// @param deposited Up to 2^24 µUSDC, sixteen dollars.
/// @param elapsed Seconds since the paid segment began: 18 hours.
/// @param heldBack Whether money vests an hour late, or at once.
struct Figures {
    uint24 pricePerHour;
    uint24 deposited;
    uint24 settled;
    uint24 paidBefore;
    uint16 elapsed;
    uint16 credited;
    bool heldBack;
}

enum State {
    Assigned,
    Running,
    Depleted,
    Revived
}

/// @notice How a lease ends, and what strangers may do to one, state by state.
contract ExitCheck is AnyLease {
    uint256 private constant _GRACE = 72 hours;
    uint16 private constant _MIN_CHARGE = 5 minutes;

    // ------------------------------------------------------------------------------------- refund and settled

    function check_refundAndSettledAssigned(Figures memory figures) external {
        _refundAndSettled(State.Assigned, figures);
    }

    function check_refundAndSettledRunning(Figures memory figures) external {
        _refundAndSettled(State.Running, figures);
    }

    function check_refundAndSettledDepleted(Figures memory figures) external {
        _refundAndSettled(State.Depleted, figures);
    }

    function check_refundAndSettledRevived(Figures memory figures) external {
        _refundAndSettled(State.Revived, figures);
    }

    // ------------------------------------------------------------------------------------- close

    function check_closeAssigned(Figures memory figures, address to, uint8 refusal) external {
        _close(State.Assigned, figures, to, refusal);
    }

    function check_closeRunning(Figures memory figures, address to, uint8 refusal) external {
        _close(State.Running, figures, to, refusal);
    }

    function check_closeDepleted(Figures memory figures, address to, uint8 refusal) external {
        _close(State.Depleted, figures, to, refusal);
    }

    function check_closeRevived(Figures memory figures, address to, uint8 refusal) external {
        _close(State.Revived, figures, to, refusal);
    }

    // ------------------------------------------------------------------------------------- strangers

    function check_settleAssigned(Figures memory figures, address stranger) external {
        _settle(State.Assigned, figures, stranger);
    }

    function check_settleRunning(Figures memory figures, address stranger) external {
        _settle(State.Running, figures, stranger);
    }

    function check_settleDepleted(Figures memory figures, address stranger) external {
        _settle(State.Depleted, figures, stranger);
    }

    function check_settleRevived(Figures memory figures, address stranger) external {
        _settle(State.Revived, figures, stranger);
    }

    function check_settleEnded(Figures memory figures, address stranger) external {
        _assumeStranger(stranger);
        uint256 moment = _live(State.Running, figures);
        cheats.warp(moment);
        cheats.prank(TENANT);
        escrow.close(LEASE, address(0));
        uint256 balance = escrow.balanceOf(TENANT);
        uint256 price = _word(1);
        cheats.warp(moment + 1 hours);
        cheats.prank(stranger);
        escrow.settle(_ids());
        assert(escrow.balanceOf(TENANT) == balance && _word(1) == price);
    }

    function check_expireAssigned(Figures memory figures, address stranger) external {
        _assumeStranger(stranger);
        cheats.warp(_live(State.Assigned, figures));
        cheats.prank(stranger);
        escrow.expire(LEASE);
        assert(escrow.balanceOf(TENANT) == BALANCE + figures.deposited);
    }

    function check_endBeforeItsTime(Figures memory figures, address stranger) external {
        _assumeStranger(stranger);
        cheats.warp(_live(State.Running, figures));
        (uint256 price, uint256 meter) = (_word(1), _word(2));
        cheats.prank(stranger);
        (bool done, ) = address(escrow).call(abi.encodeCall(ILeaseEscrow.end, (LEASE)));
        assert(!done && _word(1) == price && _word(2) == meter);
    }

    function check_endDepleted(Figures memory figures, address stranger) external {
        _end(State.Depleted, figures, stranger);
    }

    function check_endRevived(Figures memory figures, address stranger) external {
        _end(State.Revived, figures, stranger);
    }

    function check_topUpAssigned(Figures memory figures, address stranger, uint64 amount) external {
        _topUp(State.Assigned, figures, stranger, amount);
    }

    function check_topUpRunning(Figures memory figures, address stranger, uint64 amount) external {
        _topUp(State.Running, figures, stranger, amount);
    }

    function check_topUpDepleted(Figures memory figures, address stranger, uint64 amount) external {
        _topUp(State.Depleted, figures, stranger, amount);
    }

    function check_topUpRevived(Figures memory figures, address stranger, uint64 amount) external {
        _topUp(State.Revived, figures, stranger, amount);
    }

    // ------------------------------------------------------------------------------------- internal

    /// @dev Closed by its tenant, and settled when the last of it has vested.
    function _refundAndSettled(State state, Figures memory figures) private {
        uint256 moment = _live(state, figures);
        cheats.warp(moment);
        cheats.prank(TENANT);
        escrow.close(LEASE, address(0));
        cheats.warp(moment + 1 hours);
        escrow.settle(_ids());
        uint256 settled = uint64(_word(2));
        assert(settled + escrow.balanceOf(TENANT) == BALANCE + figures.deposited);
    }

    /// @param refusal 1: USDC is paused; 2: the escrow is blacklisted; 3: the recipient is; else USDC does what it should.
    function _close(State state, Figures memory figures, address to, uint8 refusal) private {
        uint256 moment = _live(state, figures);
        cheats.startPrank(OWNER);
        if (refusal == 1) usdc.pause();
        if (refusal == 2) usdc.blacklist(address(escrow));
        if (refusal == 3) usdc.blacklist(to);
        cheats.stopPrank();
        cheats.warp(moment);
        cheats.prank(TENANT);
        (bool closed, ) = address(escrow).call(abi.encodeCall(ILeaseEscrow.close, (LEASE, to)));
        assert(closed);
    }

    function _settle(State state, Figures memory figures, address stranger) private {
        _assumeStranger(stranger);
        cheats.warp(_live(state, figures));
        uint256 before = escrow.refundable(LEASE);
        cheats.prank(stranger);
        escrow.settle(_ids());
        assert(escrow.refundable(LEASE) >= before && escrow.balanceOf(TENANT) == BALANCE);
    }

    function _end(State state, Figures memory figures, address stranger) private {
        _assumeStranger(stranger);
        cheats.warp(_live(state, figures) + _GRACE);
        uint256 before = escrow.refundable(LEASE);
        cheats.prank(stranger);
        (bool done, ) = address(escrow).call(abi.encodeCall(ILeaseEscrow.end, (LEASE)));
        assert(!done || escrow.balanceOf(TENANT) >= BALANCE + before);
    }

    function _topUp(State state, Figures memory figures, address stranger, uint64 amount) private {
        _assumeStranger(stranger);
        cheats.assume(amount <= type(uint24).max);
        cheats.startPrank(OWNER);
        usdc.mint(PLATFORM, type(uint64).max);
        cheats.stopPrank();
        cheats.prank(PLATFORM);
        usdc.approve(address(escrow), type(uint256).max);
        cheats.warp(_live(state, figures));
        uint256 before = escrow.refundable(LEASE);
        cheats.prank(PLATFORM);
        (bool done, ) = address(escrow).call(abi.encodeCall(ILeaseEscrow.topUp, (LEASE, amount)));
        assert(!done || escrow.refundable(LEASE) >= before);
        assert(escrow.balanceOf(TENANT) == BALANCE);
    }

    /// @dev Writes a lease in that state: no cuts, no template, the highest minimum charge.
    /// @return moment The moment at which it is in that state.
    function _live(State state, Figures memory figures) private returns (uint256 moment) {
        cheats.assume(figures.pricePerHour > 0 && figures.pricePerHour <= 1 << 20);
        Price memory price;
        (price.pricePerHour, price.deposited) = (figures.pricePerHour, figures.deposited);
        (price.node, price.relay, price.minCharge) = (NODE, RELAY, _MIN_CHARGE);
        if (figures.heldBack) price.holdBack = 1 hours;
        Meter memory meter;
        moment = uint256(NOW) + figures.elapsed;
        if (state != State.Assigned) {
            cheats.assume(figures.settled <= figures.deposited && figures.credited <= figures.elapsed);
            (meter.settled, meter.startedAt, meter.credited) = (figures.settled, NOW, figures.credited);
            uint256 accrued =
                (uint256(figures.pricePerHour) * (uint256(figures.elapsed) - figures.credited)) / 3600;
            if (state == State.Running) cheats.assume(accrued < figures.deposited);
            if (state == State.Depleted) cheats.assume(accrued >= figures.deposited);
            if (state == State.Revived) {
                cheats.assume(figures.paidBefore > 0 && figures.paidBefore < figures.deposited);
                meter.paidBefore = figures.paidBefore;
            }
        }
        _put(price, meter);
    }

    function _ids() private pure returns (bytes32[] memory ids) {
        ids = new bytes32[](1);
        ids[0] = LEASE;
    }
}
