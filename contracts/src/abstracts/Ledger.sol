// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import { ILeaseEscrow } from "../interfaces/ILeaseEscrow.sol";
import { ILeaseMandates } from "../interfaces/ILeaseMandates.sol";
import { ILedger } from "../interfaces/ILedger.sol";
import { INodeCounters } from "../interfaces/INodeCounters.sol";
import { Errors } from "../libraries/Errors.sol";
import { Book, NodeAccount, Till } from "../types/LeaseRecord.sol";

/// @title Ledger
/// @notice The escrow's books: internal balances of accounts, earnings of nodes, and the only places where USDC moves.
/// Each of those is the last thing its function does to state, so nothing is left to re-enter.
abstract contract Ledger is ILeaseEscrow, ILedger, INodeCounters {
    /// @notice Gas given to the transfer of a refund. Several times what USDC needs; without a bound, a token that
    /// burns all gas could stop a tenant from closing.
    uint256 private constant _REFUND_GAS = 400_000;

    /// @notice The token all money is in.
    IERC20 public immutable USDC;

    /// @inheritdoc ILedger
    ILeaseMandates public immutable override MANDATES;

    mapping(address account => uint256) private _balances;

    mapping(uint32 node => NodeAccount) internal _nodes;

    mapping(uint32 node => address) private _pendingPayees;

    constructor(IERC20 usdc, ILeaseMandates mandates, address platformPayee) {
        if (platformPayee == address(0)) revert Errors.Ledger_BadRecipient({ to: platformPayee });
        (USDC, MANDATES) = (usdc, mandates);
        _setPayee({ node: 0, payee: platformPayee });
    }

    // ------------------------------------------------------------------------------------------------ read-only

    /// @inheritdoc ILeaseEscrow
    function balanceOf(address account) public view override returns (uint256) {
        return _balances[account];
    }

    /// @inheritdoc ILeaseEscrow
    function earnedOf(uint32 node) external view override returns (uint256) {
        NodeAccount storage account = _nodes[node];
        return uint256(account.book.earned) - account.till.withdrawn;
    }

    /// @inheritdoc INodeCounters
    function nodeCounters(uint32 node) external view override returns (uint32 hosted, uint32 completed) {
        Book storage book = _nodes[node].book;
        return (book.hosted, book.completed);
    }

    /// @inheritdoc ILedger
    function operatorOf(uint32 node) external view override returns (address) {
        return _nodes[node].operator;
    }

    /// @inheritdoc ILeaseEscrow
    function payeeOf(uint32 node) external view override returns (address) {
        return _nodes[node].till.payee;
    }

    /// @inheritdoc ILedger
    function pendingPayeeOf(uint32 node) external view override returns (address) {
        return _pendingPayees[node];
    }

    // ------------------------------------------------------------------------------------------------ state-changing

    /// @inheritdoc ILedger
    function acceptPayee(uint32 node) external override {
        address pending = _pendingPayees[node];
        if (pending == address(0) || msg.sender != pending) {
            revert Errors.Ledger_NotPendingPayee({ node: node, pendingPayee: pending, caller: msg.sender });
        }
        delete _pendingPayees[node];
        _setPayee({ node: node, payee: pending });
    }

    /// @inheritdoc ILeaseEscrow
    function deposit(uint256 amount) external override {
        _requireAmount(amount);
        _creditBalance({ account: msg.sender, amount: amount });
        _emitBalance(msg.sender);
        _pull({ from: msg.sender, amount: amount });
    }

    /// @inheritdoc ILedger
    function proposePayee(uint32 node, address proposed) external override {
        address payee = _nodes[node].till.payee;
        _requirePayee(node, payee);
        _pendingPayees[node] = proposed;
        emit PayeeProposed({ node: node, payee: payee, proposed: proposed });
    }

    /// @inheritdoc ILedger
    function setOperator(uint32 node, address operator) external override {
        _requirePayee(node, _nodes[node].till.payee);
        _setOperator({ node: node, operator: operator });
    }

    /// @inheritdoc ILedger
    function sendRefund(address account, address to, uint256 amount) external override {
        if (msg.sender != address(this)) revert Errors.Ledger_OnlySelf({ caller: msg.sender });
        _debitBalance({ account: account, amount: amount });
        _push({ to: to, amount: amount });
    }

    /// @inheritdoc ILeaseEscrow
    function withdraw(address to, uint256 amount) external override {
        _withdraw({ account: msg.sender, to: to, amount: amount });
    }

    /// @inheritdoc ILedger
    function withdrawFor(address account, address to, uint256 amount) external override {
        _requireMandates();
        _withdraw({ account: account, to: to, amount: amount });
    }

    /// @inheritdoc ILeaseEscrow
    function withdrawEarned(uint32 node, address to, uint256 amount) external override {
        _requireAmount(amount);
        _requireRecipient(to);
        Till memory till = _nodes[node].till;
        _requirePayee(node, till.payee);
        uint256 withdrawn = till.withdrawn;
        uint256 earned = _nodes[node].book.earned - withdrawn;
        if (amount > earned)
            revert Errors.Ledger_EarnedTooLow({ node: node, earned: earned, needed: amount });
        withdrawn += amount;
        // At most `earned`, which has 80 bits itself.
        till.withdrawn = uint96(withdrawn);
        _nodes[node].till = till;
        emit EarnedWithdrawn({ node: node, payee: till.payee, to: to, amount: amount, withdrawn: withdrawn });
        _push({ to: to, amount: amount });
    }

    // ------------------------------------------------------------------------------------------------ internal

    function _creditBalance(address account, uint256 amount) internal {
        _balances[account] += amount;
    }

    /// @dev The sum of all earnings is at most the sum of all deposits ever made: 80 bits hold 10^18 USDC.
    function _creditEarned(uint32 node, uint256 amount) internal {
        if (amount != 0) _nodes[node].book.earned += uint80(amount);
    }

    function _debitBalance(address account, uint256 amount) internal {
        uint256 balance = _balances[account];
        if (amount > balance) {
            revert Errors.Ledger_BalanceTooLow({ account: account, balance: balance, needed: amount });
        }
        unchecked {
            // Compared just above.
            _balances[account] = balance - amount;
        }
    }

    function _emitBalance(address account) internal {
        emit BalanceChanged({ account: account, balance: _balances[account] });
    }

    /// @dev Last in its function.
    function _pull(address from, uint256 amount) internal {
        if (!USDC.transferFrom(from, address(this), amount)) {
            revert Errors.Ledger_TransferFailed({ from: from, to: address(this), amount: amount });
        }
    }

    /// @dev Refunds `amount` to the internal balance and from there, if `to` is given and USDC agrees, to `to`. Never
    /// reverts. The credit is written first and the transfer runs in a call of its own that takes the credit back:
    /// when it fails all of it is undone and the credit is what stays. No state is touched afterwards.
    /// @return sentTo `to`, or zero when the money is in the internal balance.
    function _refund(address account, address to, uint256 amount) internal returns (address sentTo) {
        if (amount == 0) return address(0);
        _creditBalance({ account: account, amount: amount });
        if (to != address(0) && to != address(this)) {
            try this.sendRefund{ gas: _REFUND_GAS }({ account: account, to: to, amount: amount }) {
                return to;
            } catch {} // solhint-disable-line no-empty-blocks
        }
        _emitBalance(account);
    }

    /// @dev Last in its function: takes `amount` from the payer's internal balance, or from the caller's allowance.
    function _pay(address payer, uint256 amount, bool fromBalance) internal {
        if (fromBalance) {
            _debitBalance({ account: payer, amount: amount });
            _emitBalance(payer);
        } else {
            _pull({ from: msg.sender, amount: amount });
        }
    }

    function _requireAmount(uint256 amount) internal pure {
        if (amount == 0) revert Errors.Ledger_ZeroAmount();
    }

    function _requireMandates() internal view {
        if (msg.sender != address(MANDATES)) revert Errors.Ledger_NotMandates({ caller: msg.sender });
    }

    function _setOperator(uint32 node, address operator) internal {
        _nodes[node].operator = operator;
        emit NodeOperatorChanged({ node: node, operator: operator });
    }

    function _setPayee(uint32 node, address payee) internal {
        _nodes[node].till.payee = payee;
        emit PayeeChanged({ node: node, payee: payee });
    }

    /// @dev Last in its function.
    function _withdraw(address account, address to, uint256 amount) internal {
        _requireAmount(amount);
        _requireRecipient(to);
        _debitBalance({ account: account, amount: amount });
        _emitBalance(account);
        _push({ to: to, amount: amount });
    }

    /// @dev Last in its function.
    function _push(address to, uint256 amount) private {
        if (!USDC.transfer(to, amount)) {
            revert Errors.Ledger_TransferFailed({ from: address(this), to: to, amount: amount });
        }
    }

    function _requirePayee(uint32 node, address payee) private view {
        if (msg.sender != payee)
            revert Errors.Ledger_NotPayee({ node: node, payee: payee, caller: msg.sender });
    }

    /// @dev USDC sent to the escrow itself would belong to nobody.
    function _requireRecipient(address to) private view {
        if (to == address(0) || to == address(this)) revert Errors.Ledger_BadRecipient({ to: to });
    }
}
