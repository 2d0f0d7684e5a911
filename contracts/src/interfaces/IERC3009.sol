// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title IERC3009
/// @notice What the escrow uses of Circle's FiatToken v2.2: an EIP-3009 authorization whose signature may be an ECDSA
/// one of 65 bytes or whatever an ERC-1271 wallet accepts.
interface IERC3009 {
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;
}
