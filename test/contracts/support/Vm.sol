// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice The cheatcodes these tests use.
interface Vm {
    /// @dev The optimizer takes `block.timestamp` for a constant of the transaction and may move it over a warp; this
    /// call it cannot move.
    function getBlockTimestamp() external view returns (uint256);
    function warp(uint256 timestamp) external;
    function prank(address caller) external;
    function startPrank(address caller) external;
    function stopPrank() external;
    function addr(uint256 privateKey) external pure returns (address);
    function sign(uint256 privateKey, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function expectRevert(bytes calldata reason) external;
    function expectRevert() external;
    /// @dev Creation code of a compiled contract.
    function getCode(string calldata name) external view returns (bytes memory);
    function etch(address target, bytes calldata code) external;
    function assume(bool condition) external pure;
}

Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
