// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title IGuard
/// @notice The two roles that the owner fills: a scheduler, who may place requests, and a guardian, who may stop new
/// business for a while. Neither can reach money, a running lease or an exit.
interface IGuard {
    /// @notice `until` is when the pause ends by itself; 0 when it was ended by hand.
    event PausedUntil(uint40 until);
    event GuardianChanged(address indexed guardian);
    event SchedulerChanged(address indexed scheduler);

    /// @notice Pauses opening, activating and topping up for seven days at most, and not again for seven days after
    /// that: a guardian gone bad cannot keep the market closed. By the guardian.
    function pause() external;

    /// @notice Ends the pause. By the guardian.
    function unpause() external;

    /// @notice By the owner; zero for nobody.
    function setGuardian(address newGuardian) external;

    /// @notice By the owner; zero for nobody.
    function setScheduler(address newScheduler) external;

    function guardian() external view returns (address);
    function scheduler() external view returns (address);
    /// @notice When the pause ends, or ended; 0 when there never was one.
    function pausedUntil() external view returns (uint40);
}
