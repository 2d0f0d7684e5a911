// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20Permit } from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

import { IERC3009 } from "../interfaces/IERC3009.sol";
import { ILeaseEscrow } from "../interfaces/ILeaseEscrow.sol";
import { ILeaseOpening } from "../interfaces/ILeaseOpening.sol";
import { ILeaseDesk } from "../interfaces/ILeaseDesk.sol";
import { Caps } from "../libraries/Caps.sol";
import { Errors } from "../libraries/Errors.sol";
import { LeaseStatus, Terms, TERMS_SIZE } from "../types/DataTypes.sol";
import { Book, Holding, LeaseRecord, Price, Templated } from "../types/LeaseRecord.sol";
import { LeaseBook } from "./LeaseBook.sol";

/// @title LeaseOpening
/// @notice None → Requested → Assigned: the only functions that read the pointers, but for the agent's key in `activate`.
abstract contract LeaseOpening is LeaseBook, ILeaseOpening {
    /// @inheritdoc ILeaseEscrow
    function leaseIdOf(Terms calldata terms) public view override returns (bytes32 leaseId) {
        // keccak256(abi.encode(block.chainid, address(this), terms)), a tenth of the gas: terms lie in the calldata as
        // they are encoded.
        uint256 size = TERMS_SIZE;
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore(start, chainid())
            mstore(add(start, 32), address())
            calldatacopy(add(start, 64), terms, size)
            leaseId := keccak256(start, add(size, 64))
        }
    }

    // ------------------------------------------------------------------------------------------------ state-changing

    /// @inheritdoc ILeaseOpening
    function assign(Terms calldata terms, uint32 node) external override {
        bytes32 leaseId = leaseIdOf(terms);
        LeaseRecord storage lease = _leases[leaseId];
        _requireStatus(leaseId, lease, LeaseStatus.Requested);
        uint256 lapsesAt = lease.holding.activateBy;
        if (block.timestamp > lapsesAt) {
            revert Errors.LeaseEscrow_RequestLapsed({ leaseId: leaseId, lapsedAt: lapsesAt });
        }
        address agent = _assign(leaseId, lease, terms, node, lease.price);
        uint256 from = lapsesAt - Caps.REQUEST_LIFE + Caps.HEAD_START;
        if (msg.sender != DESK.scheduler() && (msg.sender != agent || block.timestamp < from)) {
            revert Errors.LeaseEscrow_NotAssigner({
                leaseId: leaseId,
                agent: agent,
                from: from,
                caller: msg.sender
            });
        }
    }

    /// @inheritdoc ILeaseEscrow
    function open(Terms calldata terms, bytes calldata manifest) external override returns (bytes32 leaseId) {
        leaseId = _openOwn(terms, manifest);
        _pull({ from: msg.sender, amount: terms.deposit });
    }

    /// @inheritdoc ILeaseEscrow
    function openFromBalance(
        Terms calldata terms,
        bytes calldata manifest
    ) external override returns (bytes32 leaseId) {
        leaseId = _openOwn(terms, manifest);
        _debitBalance({ account: msg.sender, amount: terms.deposit });
        _emitBalance(msg.sender);
    }

    /// @inheritdoc ILeaseEscrow
    function openWithPermit(
        Terms calldata terms,
        bytes calldata manifest,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external override returns (bytes32 leaseId) {
        leaseId = _openOwn(terms, manifest);
        // Whoever saw the permit may have submitted it first; then the allowance is there and this one fails.
        // solhint-disable-next-line no-empty-blocks
        try
            IERC20Permit(address(USDC)).permit(msg.sender, address(this), terms.deposit, deadline, v, r, s)
        {} catch {} // solhint-disable-line no-empty-blocks
        _pull({ from: msg.sender, amount: terms.deposit });
    }

    /// @inheritdoc ILeaseOpening
    function openWithAuthorization(
        Terms calldata terms,
        bytes calldata manifest,
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata signature
    ) external override returns (bytes32 leaseId) {
        leaseId = _open(terms, manifest);
        // The authorization names the payee, this contract, and the nonce, the id of exactly these terms: whoever
        // submits it can do nothing else with it.
        IERC3009(address(USDC)).receiveWithAuthorization({
            from: terms.tenant,
            to: address(this),
            value: terms.deposit,
            validAfter: validAfter,
            validBefore: validBefore,
            nonce: leaseId,
            signature: signature
        });
    }

    /// @inheritdoc ILeaseOpening
    function openStack(
        Terms[] calldata stack,
        bytes[] calldata manifests,
        bool fromBalance
    ) external override returns (bytes32 stackId) {
        if (stack.length == 0 || stack.length != manifests.length) {
            revert Errors.LeaseEscrow_BadStack({ leases: stack.length, manifests: manifests.length });
        }
        bytes32[] memory leaseIds = new bytes32[](stack.length);
        uint256 sum;
        for (uint256 i = 0; i < stack.length; ++i) {
            leaseIds[i] = _openOwn(stack[i], manifests[i]);
            sum += stack[i].deposit;
        }
        stackId = keccak256(abi.encode(leaseIds));
        emit StackOpened({ stackId: stackId, tenant: msg.sender, leaseIds: leaseIds });
        _pay({ payer: msg.sender, amount: sum, fromBalance: fromBalance });
    }

    // ------------------------------------------------------------------------------------------------ internal

    /// @dev Prices the lease with the node's figures of this moment and freezes them, and takes the capacity.
    /// @param price What the lease was opened with: deposit and template.
    /// @return agent The node's agent.
    function _assign(
        bytes32 leaseId,
        LeaseRecord storage lease,
        Terms calldata terms,
        uint32 node,
        Price memory price
    ) private returns (address agent) {
        ILeaseDesk.Quote memory quote = _quote(leaseId, terms, node, price);
        (uint256 holdingWord, uint256 priceWord) = (quote.holding, quote.price);
        assembly ("memory-safe") {
            sstore(lease.slot, holdingWord)
            sstore(add(lease.slot, 1), priceWord)
        }
        price = lease.price;
        Holding memory holding = lease.holding;
        if (quote.notice != 0) lease.extras.notice = quote.notice;
        if (_reserve(node, holding)) _welcome(node, quote.operator);
        uint32 relay = price.relay;
        if (relay != 0 && !_nodes[relay].book.known) {
            _nodes[relay].book.known = true;
            _welcome(relay, quote.relayOperator);
        }
        emit LeaseAssigned({
            leaseId: leaseId,
            node: node,
            pricePerHour: price.pricePerHour,
            minCharge: price.minCharge,
            notice: quote.notice,
            platformBps: price.platformBps,
            relay: relay,
            relayBps: price.relayBps,
            activateBy: holding.activateBy
        });
        return quote.agent;
    }

    /// @dev None → Requested, and on to Assigned when the terms name a node. The caller sees to the payment afterwards.
    function _open(Terms calldata terms, bytes calldata manifest) private returns (bytes32 leaseId) {
        leaseId = leaseIdOf(terms);
        LeaseRecord storage lease = _leases[leaseId];
        if (lease.holding.tenant != address(0)) revert Errors.LeaseEscrow_AlreadyOpened({ leaseId: leaseId });
        emit LeaseRequested({ leaseId: leaseId, tenant: terms.tenant, terms: terms, manifest: manifest });
        // Of a lease with a node, the quote asks that too.
        if (terms.node == 0) DESK.requireRunning();
        Price memory price;
        price.deposited = terms.deposit;
        if (terms.template != 0) _holdFee(leaseId, lease, terms, price);
        if (terms.node != 0) {
            _assign({ leaseId: leaseId, lease: lease, terms: terms, node: terms.node, price: price });
            return leaseId;
        }
        if (terms.tenant == address(0)) {
            revert Errors.LeaseEscrow_NotTenant({ leaseId: leaseId, tenant: address(0), caller: msg.sender });
        }
        lease.holding.tenant = terms.tenant;
        lease.holding.activateBy = uint32(block.timestamp + Caps.REQUEST_LIFE);
        lease.price = price;
    }

    /// @dev `DESK.quote(leaseId, terms, node, price.deposited, price.hasTemplate)` without decoding terms and encoding them
    /// again. The desk decodes what it reads of them, and the event of the opening all of them, so that no bits beside a
    /// field get in.
    function _quote(
        bytes32 leaseId,
        Terms calldata terms,
        uint32 node,
        Price memory price
    ) private view returns (ILeaseDesk.Quote memory quote) {
        address desk = address(DESK);
        bytes4 selector = ILeaseDesk.quote.selector;
        (uint256 deposited, bool hasTemplate) = (price.deposited, price.hasTemplate);
        uint256 size = TERMS_SIZE;
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore(start, selector)
            mstore(add(start, 4), leaseId)
            calldatacopy(add(start, 36), terms, size)
            let rest := add(add(start, 36), size)
            mstore(rest, node)
            mstore(add(rest, 32), deposited)
            mstore(add(rest, 64), hasTemplate)
            // The answer is six words, and the desk's code is known: what it returns is clean.
            if iszero(staticcall(gas(), desk, start, add(size, 132), quote, 192)) {
                returndatacopy(start, 0, returndatasize())
                revert(start, returndatasize())
            }
        }
    }

    function _openOwn(Terms calldata terms, bytes calldata manifest) private returns (bytes32 leaseId) {
        leaseId = _open(terms, manifest);
        _requireTenant(leaseId, terms.tenant, msg.sender);
    }

    /// @dev The fee is part of the deposit in the terms, and kept apart from what the machine may cost.
    function _holdFee(
        bytes32 leaseId,
        LeaseRecord storage lease,
        Terms calldata terms,
        Price memory price
    ) private {
        Templated memory templated = DESK.quoteTemplate(terms);
        price.deposited -= templated.fee;
        price.hasTemplate = true;
        lease.templated = templated;
        emit TemplateFeeHeld({
            leaseId: leaseId,
            template: templated.template,
            version: templated.version,
            author: templated.author,
            fee: templated.fee,
            refundWindow: templated.refundWindow
        });
    }

    /// @dev Payee and operator of a node that has its first lease, or of a relay that serves its first.
    function _welcome(uint32 node, address operator) private {
        _setPayee({ node: node, payee: operator });
        _setOperator({ node: node, operator: operator });
    }

    /// @dev Takes what a lease needs; the desk has checked that it is there and that each sum fits.
    /// @return first Whether this is the node's first lease.
    function _reserve(uint32 node, Holding memory holding) private returns (bool first) {
        Book memory book = _nodes[node].book;
        first = !book.known;
        book.known = true;
        unchecked {
            book.pointUnits += holding.pointUnits;
            book.memoryMiB += holding.memoryMiB;
            book.diskGiB += holding.diskGiB;
            book.gpus += holding.gpus;
        }
        _nodes[node].book = book;
    }
}
