// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { EIP712 } from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import { SignatureChecker } from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import { BitMaps } from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

import { IERC3009 } from "./interfaces/IERC3009.sol";
import { ILeaseEscrow } from "./interfaces/ILeaseEscrow.sol";
import { ILeaseLife } from "./interfaces/ILeaseLife.sol";
import { ILeaseMandates } from "./interfaces/ILeaseMandates.sol";
import { ILedger } from "./interfaces/ILedger.sol";
import { Errors } from "./libraries/Errors.sol";
import { Lease, LeaseStatus } from "./types/DataTypes.sol";

/// @title LeaseMandates
/// @notice See the documentation in {ILeaseMandates}. A nonce is used up before its signature is checked, the check is a
/// static call, and the call of the escrow comes last.
contract LeaseMandates is ILeaseMandates, EIP712("DeCloud LeaseMandates", "1") {
    using BitMaps for BitMaps.BitMap;
    using SafeERC20 for IERC20;

    bytes32 private constant _AUTO_RENEW_TYPEHASH = keccak256(
        "AutoRenew(bytes32 leaseId,uint64 amount,uint64 budget,uint32 runway,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant _CLOSE_TYPEHASH = keccak256(
        "Close(bytes32 leaseId,address to,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant _TOP_UP_TYPEHASH = keccak256(
        "TopUp(address payer,bytes32 leaseId,uint64 amount,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant _WITHDRAW_TYPEHASH = keccak256(
        "Withdraw(address account,address to,uint256 amount,uint256 nonce,uint256 deadline)"
    );

    /// @notice Whose leases and balances these are.
    /// @dev Answers as {ILeaseEscrow}, {ILeaseLife} and {ILedger}.
    ILeaseEscrow public immutable ESCROW = ILeaseEscrow(msg.sender);

    IERC20 private immutable _USDC;

    mapping(address signer => BitMaps.BitMap) private _nonces;
    mapping(bytes32 leaseId => Renewal) private _renewals;

    /// @param usdc The escrow's token. The escrow may take all that is here: it asks for a payment in the call that has
    /// just brought it, and nothing is here between calls.
    constructor(IERC20 usdc) {
        _USDC = usdc;
        usdc.forceApprove(msg.sender, type(uint256).max);
    }

    // ------------------------------------------------------------------------------------------------ read-only

    /// @inheritdoc ILeaseMandates
    // The name EIP-712 contracts are asked by.
    // solhint-disable-next-line func-name-mixedcase
    function DOMAIN_SEPARATOR() external view override returns (bytes32) {
        return _domainSeparatorV4();
    }

    /// @inheritdoc ILeaseMandates
    function isNonceUsed(address signer, uint256 nonce) external view override returns (bool) {
        return _nonces[signer].get(nonce);
    }

    /// @inheritdoc ILeaseMandates
    function renewalOf(bytes32 leaseId) external view override returns (Renewal memory) {
        return _renewals[leaseId];
    }

    // ------------------------------------------------------------------------------------------------ state-changing

    /// @inheritdoc ILeaseMandates
    function cancelNonce(uint256 nonce) external override {
        _useNonce(msg.sender, nonce);
    }

    /// @inheritdoc ILeaseMandates
    function closeBySig(
        bytes32 leaseId,
        address to,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external override {
        bytes32 structHash = keccak256(abi.encode(_CLOSE_TYPEHASH, leaseId, to, nonce, deadline));
        _requireSigned(ESCROW.leaseOf(leaseId).tenant, structHash, nonce, deadline, signature);
        ESCROW.close({ leaseId: leaseId, to: to });
    }

    /// @inheritdoc ILeaseMandates
    function renew(bytes32 leaseId) external override {
        Renewal memory renewal = _renewals[leaseId];
        if (renewal.amount == 0 || renewal.budget < renewal.amount) {
            revert Errors.LeaseMandates_RenewalSpent({
                leaseId: leaseId,
                amount: renewal.amount,
                budget: renewal.budget
            });
        }
        Lease memory lease = ESCROW.leaseOf(leaseId);
        if (lease.status != LeaseStatus.Active) {
            revert Errors.LeaseEscrow_WrongStatus({ leaseId: leaseId, status: lease.status });
        }
        uint256 runsOut = ESCROW.runsOutAt(leaseId);
        if (block.timestamp + renewal.runway < runsOut) {
            revert Errors.LeaseMandates_NotRenewableYet({ leaseId: leaseId, from: runsOut - renewal.runway });
        }
        unchecked {
            // Compared above.
            renewal.budget -= renewal.amount;
        }
        _setRenewal(leaseId, renewal);
        ILeaseLife(address(ESCROW)).topUpFor({
            payer: lease.tenant,
            leaseId: leaseId,
            amount: renewal.amount,
            fromBalance: true
        });
    }

    /// @inheritdoc ILeaseMandates
    function setAutoRenew(bytes32 leaseId, Renewal calldata renewal) external override {
        address tenant = ESCROW.leaseOf(leaseId).tenant;
        if (msg.sender != tenant) {
            revert Errors.LeaseEscrow_NotTenant({ leaseId: leaseId, tenant: tenant, caller: msg.sender });
        }
        _setRenewal(leaseId, renewal);
    }

    /// @inheritdoc ILeaseMandates
    function setAutoRenewBySig(
        bytes32 leaseId,
        Renewal calldata renewal,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external override {
        bytes32 structHash = keccak256(abi.encode(_AUTO_RENEW_TYPEHASH, leaseId, renewal, nonce, deadline));
        _requireSigned(ESCROW.leaseOf(leaseId).tenant, structHash, nonce, deadline, signature);
        _setRenewal(leaseId, renewal);
    }

    /// @inheritdoc ILeaseMandates
    function topUpBySig(
        address payer,
        bytes32 leaseId,
        uint64 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external override {
        ILeaseLife(address(ESCROW)).DESK().requireRunning();
        bytes32 structHash = keccak256(abi.encode(_TOP_UP_TYPEHASH, payer, leaseId, amount, nonce, deadline));
        _requireSigned(payer, structHash, nonce, deadline, signature);
        ILeaseLife(address(ESCROW)).topUpFor({
            payer: payer,
            leaseId: leaseId,
            amount: amount,
            fromBalance: true
        });
    }

    /// @inheritdoc ILeaseMandates
    function topUpWithAuthorization(
        address payer,
        bytes32 leaseId,
        uint64 amount,
        uint256 salt,
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata signature
    ) external override {
        ILeaseLife(address(ESCROW)).DESK().requireRunning();
        IERC3009(address(_USDC)).receiveWithAuthorization({
            from: payer,
            to: address(this),
            value: amount,
            validAfter: validAfter,
            validBefore: validBefore,
            nonce: keccak256(abi.encode(leaseId, salt)),
            signature: signature
        });
        ILeaseLife(address(ESCROW)).topUpFor({
            payer: payer,
            leaseId: leaseId,
            amount: amount,
            fromBalance: false
        });
    }

    /// @inheritdoc ILeaseMandates
    function withdrawBySig(
        address account,
        address to,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external override {
        bytes32 structHash = keccak256(abi.encode(_WITHDRAW_TYPEHASH, account, to, amount, nonce, deadline));
        _requireSigned(account, structHash, nonce, deadline, signature);
        ILedger(address(ESCROW)).withdrawFor({ account: account, to: to, amount: amount });
    }

    // ------------------------------------------------------------------------------------------------ internal

    /// @dev Nobody holds the key of the zero address, which is the tenant of a lease that does not exist.
    function _requireSigned(
        address signer,
        bytes32 structHash,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) private {
        if (block.timestamp > deadline) revert Errors.LeaseMandates_Expired({ deadline: deadline });
        _useNonce(signer, nonce);
        bytes32 digest = _hashTypedDataV4(structHash);
        if (!SignatureChecker.isValidSignatureNowCalldata(signer, digest, signature)) {
            revert Errors.LeaseMandates_BadSignature({ signer: signer });
        }
    }

    function _setRenewal(bytes32 leaseId, Renewal memory renewal) private {
        _renewals[leaseId] = renewal;
        emit AutoRenewChanged({
            leaseId: leaseId,
            amount: renewal.amount,
            budget: renewal.budget,
            runway: renewal.runway
        });
    }

    function _useNonce(address signer, uint256 nonce) private {
        if (_nonces[signer].get(nonce)) {
            revert Errors.LeaseMandates_NonceUsed({ signer: signer, nonce: nonce });
        }
        _nonces[signer].set(nonce);
        emit NonceUsed({ signer: signer, nonce: nonce });
    }
}
