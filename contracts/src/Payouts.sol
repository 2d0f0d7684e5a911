// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ILeaseEscrow } from "./interfaces/ILeaseEscrow.sol";
import { ILedger } from "./interfaces/ILedger.sol";
import { IPayouts } from "./interfaces/IPayouts.sol";
import { SatelliteErrors } from "./libraries/SatelliteErrors.sol";

/// @title Payouts
/// @notice See the documentation in {IPayouts}. Immutable, without an owner or any other role, and it never holds a token.
/// The escrow is the last to say who is paid: an owner whose node has another payee by now can do nothing with it here.
contract Payouts is IPayouts {
    uint256 public constant INTERVAL = 7 days;

    /// @dev Gas given to each payment: several times what USDC needs.
    uint256 private constant _PAY_GAS = 400_000;
    /// @dev What must be left for that: a call keeps a 64th back, and takes a little to set up.
    uint256 private constant _GAS_NEEDED = 420_000;

    /// @notice Whose earnings these are; answers as {ILedger} too.
    ILeaseEscrow public immutable ESCROW;

    mapping(uint32 node => Payout) private _payouts;

    constructor(ILeaseEscrow escrow) {
        ESCROW = escrow;
    }

    // ------------------------------------------------------------------------------------------------ read-only

    /// @inheritdoc IPayouts
    function isEnrolled(uint32 node) external view override returns (bool) {
        return ESCROW.payeeOf(node) == address(this);
    }

    /// @inheritdoc IPayouts
    function payoutOf(uint32 node) external view override returns (Payout memory) {
        return _payouts[node];
    }

    // ------------------------------------------------------------------------------------------------ state-changing

    /// @inheritdoc IPayouts
    function acceptOwner(uint32 node) external override {
        Payout storage payout = _payouts[node];
        address pending = payout.pendingOwner;
        if (pending == address(0) || msg.sender != pending) {
            revert SatelliteErrors.Payouts_NotPendingOwner({
                node: node,
                pendingOwner: pending,
                caller: msg.sender
            });
        }
        delete payout.pendingOwner;
        payout.owner = pending;
        emit OwnerChanged({ node: node, owner: pending });
    }

    /// @inheritdoc IPayouts
    function enroll(uint32 node, address recipient) external override {
        address payee = ESCROW.payeeOf(node);
        if (msg.sender != payee) {
            revert SatelliteErrors.Payouts_NotPayee({ node: node, payee: payee, caller: msg.sender });
        }
        _requireRecipient(recipient);
        Payout storage payout = _payouts[node];
        payout.owner = msg.sender;
        payout.recipient = recipient;
        delete payout.pendingOwner;
        emit Enrolled({ node: node, owner: msg.sender, recipient: recipient });
        ILedger(address(ESCROW)).acceptPayee(node);
    }

    /// @inheritdoc IPayouts
    function pay(uint32 node, uint256 amount) external override {
        if (msg.sender != address(this)) revert SatelliteErrors.Payouts_OnlySelf({ caller: msg.sender });
        Payout storage payout = _payouts[node];
        address recipient = payout.recipient;
        payout.pushedAt = uint40(block.timestamp);
        emit Pushed({ node: node, recipient: recipient, amount: amount });
        ESCROW.withdrawEarned({ node: node, to: recipient, amount: amount });
    }

    /// @inheritdoc IPayouts
    function proposeOwner(uint32 node, address proposed) external override {
        _requireOwner(node);
        _payouts[node].pendingOwner = proposed;
        emit OwnerProposed({ node: node, owner: msg.sender, proposed: proposed });
    }

    /// @inheritdoc IPayouts
    function proposePayee(uint32 node, address newPayee) external override {
        _requireOwner(node);
        ILedger(address(ESCROW)).proposePayee({ node: node, proposed: newPayee });
    }

    /// @inheritdoc IPayouts
    function push(uint32[] calldata nodes) external override {
        for (uint256 i = 0; i < nodes.length; ++i) {
            uint32 node = nodes[i];
            Payout storage payout = _payouts[node];
            if (payout.owner == address(0) || block.timestamp < payout.pushedAt + INTERVAL) continue;
            uint256 earned = ESCROW.earnedOf(node);
            if (earned == 0) continue;
            // Else a payment that ran out of gas would pass for one that was refused, and an estimate would settle there.
            if (gasleft() < _GAS_NEEDED) {
                revert SatelliteErrors.Payouts_GasTooLow({ gas: gasleft(), needed: _GAS_NEEDED });
            }
            // solhint-disable-next-line no-empty-blocks
            try this.pay{ gas: _PAY_GAS }({ node: node, amount: earned }) {} catch {
                emit PushFailed({ node: node, amount: earned });
            }
        }
    }

    /// @inheritdoc IPayouts
    function setOperator(uint32 node, address operator) external override {
        _requireOwner(node);
        ILedger(address(ESCROW)).setOperator({ node: node, operator: operator });
    }

    /// @inheritdoc IPayouts
    function setRecipient(uint32 node, address recipient) external override {
        _requireOwner(node);
        _requireRecipient(recipient);
        _payouts[node].recipient = recipient;
        emit RecipientChanged({ node: node, recipient: recipient });
    }

    /// @inheritdoc IPayouts
    function withdraw(uint32 node, address to, uint256 amount) external override {
        _requireOwner(node);
        _requireRecipient(to);
        ESCROW.withdrawEarned({ node: node, to: to, amount: amount });
    }

    // ------------------------------------------------------------------------------------------------ internal

    function _requireOwner(uint32 node) private view {
        address owner = _payouts[node].owner;
        if (msg.sender != owner) {
            revert SatelliteErrors.Payouts_NotOwner({ node: node, owner: owner, caller: msg.sender });
        }
    }

    /// @dev USDC sent here would belong to nobody, and the escrow refuses to pay itself or nobody.
    function _requireRecipient(address to) private view {
        if (to == address(0) || to == address(this) || to == address(ESCROW)) {
            revert SatelliteErrors.Payouts_BadRecipient({ to: to });
        }
    }
}
