// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Further cheatcodes, for events and block numbers.
interface VmEvents {
    /// @dev The next call must make `emitter` emit exactly the event that the test emits next, topics and data.
    function expectEmit(address emitter) external;
    /// @dev The same, whoever emits it.
    function expectEmit() external;
    function roll(uint256 blockNumber) external;
}

VmEvents constant vmEvents = VmEvents(address(uint160(uint256(keccak256("hevm cheat code")))));
