// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title ILeaseMandates
/// @notice What an account has signed, or allowed in advance, and anybody may carry out: a tenant needs USDC and no gas
/// coin, and one balance can keep every machine of a tenant alive. Holds no funds, has no owner and no upgrade; the
/// escrow creates it and takes its word for a tenant's, which it gives for a valid signature or inside the bounds of a
/// renewal alone. What is paid through it, out of a wallet, is in the escrow by the end of the call.
///
/// Signatures are EIP-712 (65 bytes, or whatever the account's ERC-1271 wallet accepts) under the domain "DeCloud
/// LeaseMandates", version "1". Nonces are unordered: any number not used before. Every
/// message names the account or the lease it speaks for: a wallet that accepts its owner's plain signature cannot be
/// handed one that the owner gave for another account.
interface ILeaseMandates {
    /// @notice The bounds of renewal as they stand; `amount` 0 is off.
    event AutoRenewChanged(bytes32 indexed leaseId, uint64 amount, uint64 budget, uint32 runway);
    event NonceUsed(address indexed signer, uint256 nonce);

    /// @notice What a tenant allows for a lease. One slot.
    /// @param amount µUSDC of one renewal, 0 for none.
    /// @param budget µUSDC that may still be renewed, all renewals together.
    /// @param runway A renewal is due when at most so many seconds are paid for.
    struct Renewal {
        uint64 amount;
        uint64 budget;
        uint32 runway;
    }

    /// @notice Closes a lease, as {ILeaseEscrow-close} does, for the tenant who signed
    /// `Close(bytes32 leaseId,address to,uint256 nonce,uint256 deadline)`.
    function closeBySig(
        bytes32 leaseId,
        address to,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /// @notice Pays into a lease out of the internal balance of `payer`, who signed
    /// `TopUp(address payer,bytes32 leaseId,uint64 amount,uint256 nonce,uint256 deadline)`. Refused in a pause, as a top-up is.
    function topUpBySig(
        address payer,
        bytes32 leaseId,
        uint64 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /// @notice Pays into a lease out of the wallet of `payer`, with an EIP-3009 authorization over `amount` to this
    /// contract, whose nonce is `keccak256(abi.encode(leaseId, salt))`. By anyone: the signature pays into this lease
    /// alone. Refused in a pause, as a top-up is.
    /// @param salt Any number; with it the payer tells two equal payments apart.
    /// @param signature 65 bytes, or what the payer's ERC-1271 wallet accepts.
    function topUpWithAuthorization(
        address payer,
        bytes32 leaseId,
        uint64 amount,
        uint256 salt,
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata signature
    ) external;

    /// @notice Sends from the internal balance of `account`, who signed
    /// `Withdraw(address account,address to,uint256 amount,uint256 nonce,uint256 deadline)`.
    function withdrawBySig(
        address account,
        address to,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /// @notice Sets the bounds of renewal, for the tenant who signed
    /// `AutoRenew(bytes32 leaseId,uint64 amount,uint64 budget,uint32 runway,uint256 nonce,uint256 deadline)`.
    function setAutoRenewBySig(
        bytes32 leaseId,
        Renewal calldata renewal,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /// @notice Lets anyone pay `amount` into the lease from the tenant's internal balance when at most `runway` seconds
    /// are paid for, `budget` in all. By the tenant; `amount` 0 turns it off.
    function setAutoRenew(bytes32 leaseId, Renewal calldata renewal) external;

    /// @notice Pays in what the tenant allows for. By anyone, in a pause too: a running machine is not new business.
    function renew(bytes32 leaseId) external;

    /// @notice Uses a nonce up, so that what was signed with it is worth nothing. By the signer.
    function cancelNonce(uint256 nonce) external;

    function isNonceUsed(address signer, uint256 nonce) external view returns (bool);
    function renewalOf(bytes32 leaseId) external view returns (Renewal memory);
    function DOMAIN_SEPARATOR() external view returns (bytes32);
}
