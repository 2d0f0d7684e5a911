// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice The cheatcodes that the claims use: those of {Vm} that Halmos knows too, and one of Halmos alone.
interface Cheats {
    function assume(bool condition) external pure;
    function load(address target, bytes32 slot) external view returns (bytes32 word);
    function prank(address caller) external;
    function startPrank(address caller) external;
    function stopPrank() external;
    function store(address target, bytes32 slot, bytes32 word) external;
    function warp(uint256 timestamp) external;
}

interface SymbolicCheats {
    /// @dev Calldata of any state-changing function of the contract, with any arguments.
    function createCalldata(string calldata contractName) external pure returns (bytes memory);
}

Cheats constant cheats = Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));
SymbolicCheats constant symbolic = SymbolicCheats(address(uint160(uint256(keccak256("svm cheat code")))));
