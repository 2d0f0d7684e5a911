// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ILeaseEscrow } from "../interfaces/ILeaseEscrow.sol";
import { ILeaseLife } from "../interfaces/ILeaseLife.sol";
import { Billing } from "../libraries/Billing.sol";
import { Errors } from "../libraries/Errors.sol";
import { EndReason, LeaseStatus } from "../types/DataTypes.sol";
import { Holding, LeaseRecord, Meter, Price, Templated } from "../types/LeaseRecord.sol";
import { LeaseBook } from "./LeaseBook.sol";

/// @title LeaseLife
/// @notice Assigned → Active, and what happens to a lease while it runs: settling, paying in, giving downtime back,
/// paying another relay.
abstract contract LeaseLife is LeaseBook {
    /// @inheritdoc ILeaseEscrow
    function activate(bytes32 leaseId, bytes32 hostKeyFingerprint) external override {
        LeaseRecord storage lease = _leases[leaseId];
        Holding memory holding = lease.holding;
        uint32 node = lease.price.node;
        _requireStatus(leaseId, lease, LeaseStatus.Assigned);
        if (block.timestamp > holding.activateBy) {
            revert Errors.LeaseEscrow_ActivationTooLate({ leaseId: leaseId, activateBy: holding.activateBy });
        }
        address agent = DESK.agentToActivate(node);
        if (msg.sender != agent) {
            revert Errors.LeaseEscrow_NotAgent({ leaseId: leaseId, agent: agent, caller: msg.sender });
        }
        uint40 startedAt = uint40(block.timestamp);
        lease.meter.startedAt = startedAt;
        // Behind a relay it may have to change it when the registry is gone.
        if (lease.price.relay != 0) lease.extras.agent = msg.sender;
        ++_nodes[node].book.hosted;
        emit LeaseActivated({
            leaseId: leaseId,
            node: node,
            startedAt: startedAt,
            hostKeyFingerprint: hostKeyFingerprint
        });
    }

    /// @inheritdoc ILeaseLife
    function credit(bytes32 leaseId, uint32 duration) external override {
        LeaseRecord storage lease = _leases[leaseId];
        Price memory price = lease.price;
        if (msg.sender != address(QUORUM)) _requireOperator(leaseId, price.node);
        Meter memory meter = lease.meter;
        if (meter.startedAt == 0) {
            revert Errors.LeaseEscrow_WrongStatus({ leaseId: leaseId, status: _statusOf(lease) });
        }
        // What has vested is beyond reach, and settled now in every schedule alike.
        _settle(leaseId, price, meter);
        uint256 until = meter.endedAt != 0 ? meter.endedAt : block.timestamp;
        uint256 owed = _due(price, meter, until);
        uint256 maximum =
            owed > meter.settled ? Billing.creditableDown(owed - meter.settled, price.pricePerHour) : 0;
        if (maximum > price.holdBack) maximum = price.holdBack;
        if (duration > maximum) duration = uint32(maximum);
        if (duration == 0) revert Errors.LeaseEscrow_NothingCreditable({ leaseId: leaseId });
        _giveBack(lease, price, meter, duration, until);
        lease.meter = meter;
        uint256 left = _due(price, meter, until);
        emit LeaseCredited({
            leaseId: leaseId,
            node: price.node,
            duration: duration,
            credited: meter.credited,
            startedAt: meter.startedAt,
            paidBefore: meter.paidBefore,
            due: uint64(left)
        });
        if (meter.endedAt != 0 && left < owed) {
            // The refund of the end has been paid; the difference follows it, to the internal balance.
            address tenant = lease.holding.tenant;
            _creditBalance({ account: tenant, amount: owed - left });
            _emitBalance(tenant);
        }
    }

    /// @inheritdoc ILeaseLife
    function releaseTemplateFee(bytes32 leaseId) external override {
        LeaseRecord storage lease = _leases[leaseId];
        Templated memory templated = lease.templated;
        Meter memory meter = lease.meter;
        if (templated.fee == 0 || _isFeeRefundable(templated, meter, block.timestamp)) {
            revert Errors.LeaseEscrow_FeeNotDue({
                leaseId: leaseId,
                from: meter.startedAt == 0 ? 0 : uint256(meter.startedAt) + templated.refundWindow
            });
        }
        _payFee(leaseId, lease, templated);
    }

    /// @inheritdoc ILeaseEscrow
    function settle(bytes32[] calldata leaseIds) external override {
        for (uint256 i = 0; i < leaseIds.length; ++i) {
            bytes32 leaseId = leaseIds[i];
            LeaseRecord storage lease = _leases[leaseId];
            Meter memory meter = lease.meter;
            if (meter.startedAt == 0) continue;
            Price memory price = lease.price;
            if (_settle(leaseId, price, meter)) lease.meter.settled = meter.settled;
        }
    }

    /// @inheritdoc ILeaseLife
    function switchRelay(bytes32[] calldata leaseIds, uint32 relay) external override {
        bool known = _nodes[relay].book.known;
        for (uint256 i = 0; i < leaseIds.length; ++i) {
            bytes32 leaseId = leaseIds[i];
            LeaseRecord storage lease = _leases[leaseId];
            Price memory price = lease.price;
            if (msg.sender != lease.extras.agent) {
                _requireOperator(leaseId, price.node);
                // What the operator decides, an agent's key of old cannot undo.
                lease.extras.agent = address(0);
            }
            if (!known || price.relay == 0) {
                revert Errors.LeaseEscrow_BadRelay({ leaseId: leaseId, relay: relay });
            }
            Meter memory meter = lease.meter;
            if (_settle(leaseId, price, meter)) lease.meter.settled = meter.settled;
            lease.price.relay = relay;
            emit RelaySwitched({ leaseId: leaseId, relay: relay });
        }
    }

    /// @inheritdoc ILeaseEscrow
    function topUp(bytes32 leaseId, uint64 amount) external override {
        DESK.requireRunning();
        _topUp({ leaseId: leaseId, payer: msg.sender, amount: amount });
        _pay({ payer: msg.sender, amount: amount, fromBalance: false });
    }

    /// @inheritdoc ILeaseLife
    function topUpFor(address payer, bytes32 leaseId, uint64 amount, bool fromBalance) external override {
        _requireMandates();
        _topUp({ leaseId: leaseId, payer: payer, amount: amount });
        _pay({ payer: payer, amount: amount, fromBalance: fromBalance });
    }

    /// @inheritdoc ILeaseEscrow
    function topUpFromBalance(bytes32 leaseId, uint64 amount) external override {
        DESK.requireRunning();
        _topUp({ leaseId: leaseId, payer: msg.sender, amount: amount });
        _pay({ payer: msg.sender, amount: amount, fromBalance: true });
    }

    // ------------------------------------------------------------------------------------------------ internal

    /// @dev Takes `duration` off the bill. Where the lease ran dry before `until`, the seconds come off the end of what
    /// was paid for and the gap behind it leaves the books, as with a top-up: it must not be billed in their place.
    function _giveBack(
        LeaseRecord storage lease,
        Price memory price,
        Meter memory meter,
        uint32 duration,
        uint256 until
    ) private {
        uint256 runsOut = _runsOutAt(price, meter);
        meter.credited += duration;
        if (runsOut >= until) return;
        if (price.hasTemplate) _moveRefundWindow(lease, meter);
        // Less than `deposited`: a second before it runs out something is left.
        meter.paidBefore = uint64(
            Billing.accruedDown({
                paidBefore: meter.paidBefore,
                pricePerHour: price.pricePerHour,
                startedAt: meter.startedAt,
                credited: meter.credited,
                timestamp: runsOut
            })
        );
        meter.startedAt = uint40(until);
        meter.credited = 0;
    }

    /// @dev The window is counted from `startedAt`, which is about to move: what was left of it stays left.
    function _moveRefundWindow(LeaseRecord storage lease, Meter memory meter) private {
        uint256 closesAt = uint256(meter.startedAt) + lease.templated.refundWindow;
        // At most the window there was.
        lease.templated.refundWindow = block.timestamp < closesAt ? uint16(closesAt - block.timestamp) : 0;
    }

    /// @dev After depletion a new paid segment begins now. What had vested is settled first, so that the gap, which
    /// leaves the books, takes nothing with it; the last `holdBack` of the segment before stays creditable and vests as
    /// the new one runs.
    function _topUp(bytes32 leaseId, address payer, uint64 amount) internal {
        _requireAmount(amount);
        LeaseRecord storage lease = _leases[leaseId];
        Price memory price = lease.price;
        Meter memory meter = lease.meter;
        // A lease with a price exists: the first slot need not be read.
        if (price.pricePerHour == 0 || meter.endReason != EndReason.None) {
            revert Errors.LeaseEscrow_WrongStatus({ leaseId: leaseId, status: _statusOf(lease) });
        }
        if (meter.startedAt != 0 && block.timestamp >= _runsOutAt(price, meter)) {
            uint256 minimum = Billing.leastDepositUp(price.pricePerHour, price.minCharge);
            if (amount < minimum) {
                revert Errors.LeaseEscrow_DepositTooSmall({ amount: amount, minimum: minimum });
            }
            if (price.hasTemplate) _moveRefundWindow(lease, meter);
            _settle(leaseId, price, meter);
            meter.paidBefore = price.deposited;
            meter.startedAt = uint40(block.timestamp);
            meter.credited = 0;
            lease.meter = meter;
        }
        uint256 deposited = uint256(price.deposited) + amount;
        if (deposited > type(uint64).max) {
            revert Errors.LeaseEscrow_DepositTooLarge({ amount: deposited, maximum: type(uint64).max });
        }
        lease.price.deposited = uint64(deposited);
        emit LeaseToppedUp({
            leaseId: leaseId,
            payer: payer,
            deposited: uint64(deposited),
            startedAt: meter.startedAt
        });
    }
}
