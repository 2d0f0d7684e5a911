// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Further cheatcodes, for events, calls and block numbers.
interface VmEvents {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    /// @dev The next call must make `emitter` emit exactly the event that the test emits next, topics and data.
    function expectEmit(address emitter) external;
    /// @dev The same, whoever emits it.
    function expectEmit() external;
    /// @dev The test must come to call `callee` with exactly this value, gas and data.
    function expectCall(address callee, uint256 value, uint64 gas, bytes calldata data) external;
    /// @dev Keeps what is emitted from here on.
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory logs);
    function roll(uint256 blockNumber) external;
}

VmEvents constant vmEvents = VmEvents(address(uint160(uint256(keccak256("hevm cheat code")))));
