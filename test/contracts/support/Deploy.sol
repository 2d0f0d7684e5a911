// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { vm } from "./Vm.sol";

/// @notice Deploys a contract of `contracts/src` from its compiled artifact. With `new`, every test contract would carry
/// the code of the escrow, and the compiler would optimise all of it again for each.
/// @param name As in the source.
/// @param arguments Of the constructor, ABI-encoded.
function deploy(string memory name, bytes memory arguments) returns (address deployed) {
    bytes memory code = abi.encodePacked(vm.getCode(name), arguments);
    assembly ("memory-safe") {
        deployed := create(0, add(code, 32), mload(code))
        if iszero(deployed) {
            returndatacopy(mload(0x40), 0, returndatasize())
            revert(mload(0x40), returndatasize())
        }
    }
}
