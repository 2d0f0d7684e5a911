// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { MockUSDC } from "../../../contracts/src/mocks/MockUSDC.sol";
import { vm } from "./Vm.sol";

/// @notice What `from` signs so that `to` may take `amount` at any time: EIP-3009's `ReceiveWithAuthorization`.
function authorizationDigest(
    MockUSDC usdc,
    address from,
    address to,
    uint256 amount,
    bytes32 nonce
) view returns (bytes32) {
    bytes32 structHash = keccak256(
        abi.encode(
            usdc.RECEIVE_WITH_AUTHORIZATION_TYPEHASH(),
            from,
            to,
            amount,
            uint256(0),
            type(uint256).max,
            nonce
        )
    );
    return keccak256(abi.encodePacked(hex"1901", usdc.DOMAIN_SEPARATOR(), structHash));
}

/// @notice A signature of 65 bytes.
function signedBy(uint256 key, bytes32 digest) pure returns (bytes memory) {
    (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
    return abi.encodePacked(r, s, v);
}
