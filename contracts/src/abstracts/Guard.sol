// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IGuard } from "../interfaces/IGuard.sol";
import { ILeaseDesk } from "../interfaces/ILeaseDesk.sol";
import { Errors } from "../libraries/Errors.sol";
import { Pointers } from "./Pointers.sol";

/// @title Guard
/// @notice See the documentation in {IGuard}.
abstract contract Guard is Pointers, IGuard, ILeaseDesk {
    uint256 private constant _PAUSE = 7 days;

    /// @inheritdoc IGuard
    address public override guardian;
    /// @dev When the guardian may pause again.
    uint40 private _nextPauseFrom;

    /// @inheritdoc IGuard
    address public override(IGuard, ILeaseDesk) scheduler;

    modifier whenRunning() {
        _requireRunning();
        _;
    }

    /// @inheritdoc ILeaseDesk
    function requireRunning() external view override whenRunning {} // solhint-disable-line no-empty-blocks

    /// @inheritdoc IGuard
    function pausedUntil() external view override returns (uint40) {
        return _pausedUntil;
    }

    /// @inheritdoc IGuard
    function pause() external override {
        _requireGuardian();
        uint256 from = _nextPauseFrom;
        if (block.timestamp < from) revert Errors.Guard_TooSoon({ from: from });
        _nextPauseFrom = uint40(block.timestamp + 2 * _PAUSE);
        _setPausedUntil(uint40(block.timestamp + _PAUSE));
    }

    /// @inheritdoc IGuard
    function unpause() external override {
        _requireGuardian();
        _setPausedUntil(0);
    }

    /// @inheritdoc IGuard
    function setGuardian(address newGuardian) external override onlyOwner {
        guardian = newGuardian;
        emit GuardianChanged({ guardian: newGuardian });
    }

    /// @inheritdoc IGuard
    function setScheduler(address newScheduler) external override onlyOwner {
        scheduler = newScheduler;
        emit SchedulerChanged({ scheduler: newScheduler });
    }

    function _requireGuardian() private view {
        if (msg.sender != guardian) {
            revert Errors.Guard_NotGuardian({ guardian: guardian, caller: msg.sender });
        }
    }

    function _requireRunning() internal view {
        uint256 until = _pausedUntil;
        if (block.timestamp < until) revert Errors.Guard_Paused({ until: until });
    }

    function _setPausedUntil(uint40 until) private {
        _pausedUntil = until;
        emit PausedUntil({ until: until });
    }
}
