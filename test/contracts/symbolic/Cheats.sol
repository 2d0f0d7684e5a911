// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice The cheatcodes that the claims use: those that Halmos knows too.
interface Cheats {
    function assume(bool condition) external pure;
    function load(address target, bytes32 slot) external view returns (bytes32 word);
    function prank(address caller) external;
    function startPrank(address caller) external;
    function stopPrank() external;
    function store(address target, bytes32 slot, bytes32 word) external;
    function warp(uint256 timestamp) external;
}

Cheats constant cheats = Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));
