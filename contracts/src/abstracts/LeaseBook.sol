// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IDowntimeQuorum } from "../interfaces/IDowntimeQuorum.sol";
import { ILeaseDesk } from "../interfaces/ILeaseDesk.sol";
import { ILeaseEscrow } from "../interfaces/ILeaseEscrow.sol";
import { ILeaseLife } from "../interfaces/ILeaseLife.sol";
import { ILeaseTemplates } from "../interfaces/ILeaseTemplates.sol";
import { Billing } from "../libraries/Billing.sol";
import { Caps } from "../libraries/Caps.sol";
import { Errors } from "../libraries/Errors.sol";
import { Capacity, EndReason, Lease, LeaseStatus } from "../types/DataTypes.sol";
import { Book, Holding, LeaseRecord, Meter, Price, Templated } from "../types/LeaseRecord.sol";
import { Ledger } from "./Ledger.sol";

/// @title LeaseBook
/// @notice The leases in storage, what each owes, and the two steps that every edge is made of: settle and end. Nothing
/// here calls anybody but USDC.
abstract contract LeaseBook is Ledger, ILeaseLife, ILeaseTemplates {
    /// @inheritdoc ILeaseLife
    ILeaseDesk public immutable override DESK;

    /// @inheritdoc ILeaseLife
    IDowntimeQuorum public immutable override QUORUM;

    mapping(bytes32 leaseId => LeaseRecord) internal _leases;

    constructor(ILeaseDesk desk, IDowntimeQuorum quorum) {
        (DESK, QUORUM) = (desk, quorum);
    }

    // ------------------------------------------------------------------------------------------------ read-only

    /// @inheritdoc ILeaseEscrow
    function due(bytes32 leaseId, uint256 timestamp) external view override returns (uint256) {
        LeaseRecord storage lease = _leases[leaseId];
        return _due(lease.price, lease.meter, timestamp);
    }

    /// @inheritdoc ILeaseEscrow
    function inUse(uint32 node) public view override returns (Capacity memory) {
        Book memory book = _nodes[node].book;
        return
            Capacity({
                pointUnits: book.pointUnits,
                memoryMiB: book.memoryMiB,
                diskGiB: book.diskGiB,
                gpus: book.gpus
            });
    }

    /// @inheritdoc ILeaseEscrow
    function leaseOf(bytes32 leaseId) external view override returns (Lease memory) {
        LeaseRecord storage lease = _leases[leaseId];
        Holding memory holding = lease.holding;
        Price memory price = lease.price;
        Meter memory meter = lease.meter;
        return
            Lease({
                status: _statusOf(lease),
                endReason: meter.endReason,
                tenant: holding.tenant,
                node: price.node,
                relay: price.relay,
                activateBy: holding.activateBy,
                startedAt: meter.startedAt,
                endedAt: meter.endedAt,
                pricePerHour: price.pricePerHour,
                deposited: price.deposited,
                settled: meter.settled,
                credited: meter.credited,
                holdBack: price.holdBack,
                minCharge: price.minCharge,
                notice: lease.extras.notice,
                platformBps: price.platformBps,
                relayBps: price.relayBps,
                paidBefore: meter.paidBefore
            });
    }

    /// @inheritdoc ILeaseLife
    function reclaimableFrom(bytes32 leaseId) external view override returns (uint256) {
        return _leases[leaseId].extras.reclaimAt;
    }

    /// @inheritdoc ILeaseLife
    function templateFeeOf(
        bytes32 leaseId
    ) external view override returns (address author, uint32 held, uint16 refundWindow) {
        Templated storage templated = _leases[leaseId].templated;
        return (templated.author, templated.fee, templated.refundWindow);
    }

    /// @inheritdoc ILeaseTemplates
    function templateOf(bytes32 leaseId) external view override returns (uint32 template, uint32 version) {
        Templated storage templated = _leases[leaseId].templated;
        return (templated.template, templated.version);
    }

    /// @inheritdoc ILeaseEscrow
    function refundable(bytes32 leaseId) external view override returns (uint256) {
        LeaseRecord storage lease = _leases[leaseId];
        Price memory price = lease.price;
        Meter memory meter = lease.meter;
        LeaseStatus status = _statusOf(lease);
        if (status == LeaseStatus.None || status == LeaseStatus.Ended) return 0;
        uint256 fee =
            price.hasTemplate && _isFeeRefundable(lease.templated, meter, block.timestamp)
                ? lease.templated.fee
                : 0;
        if (status == LeaseStatus.Active) {
            meter.endReason = EndReason.ClosedByTenant;
            meter.endedAt = uint40(block.timestamp);
        }
        return price.deposited - _finalDue(price, meter) + fee;
    }

    /// @inheritdoc ILeaseEscrow
    function runsOutAt(bytes32 leaseId) external view override returns (uint256) {
        LeaseRecord storage lease = _leases[leaseId];
        if (_statusOf(lease) != LeaseStatus.Active) return 0;
        return _runsOutAt(lease.price, lease.meter);
    }

    /// @inheritdoc ILeaseEscrow
    function vested(bytes32 leaseId, uint256 timestamp) external view override returns (uint256) {
        LeaseRecord storage lease = _leases[leaseId];
        return _vested(lease.price, lease.meter, timestamp);
    }

    // ------------------------------------------------------------------------------------------------ billing

    /// @dev What accrued, at least the minimum charge once the tenant has ended the lease, at most what was paid in.
    function _due(Price memory price, Meter memory meter, uint256 timestamp) internal pure returns (uint256) {
        if (meter.startedAt == 0) return 0;
        uint256 until = meter.endedAt != 0 && meter.endedAt < timestamp ? meter.endedAt : timestamp;
        uint256 accrued = Billing.accruedDown({
            paidBefore: meter.paidBefore,
            pricePerHour: price.pricePerHour,
            startedAt: meter.startedAt,
            credited: meter.credited,
            timestamp: until
        });
        uint256 leastCharge =
            meter.endReason == EndReason.ClosedByTenant
                ? Billing.costDown({ pricePerHour: price.pricePerHour, duration: price.minCharge })
                : 0;
        return Billing.due({ accrued: accrued, leastCharge: leastCharge, deposited: price.deposited });
    }

    /// @dev The whole bill of a lease that has ended. What is settled stays settled.
    function _finalDue(Price memory price, Meter memory meter) internal pure returns (uint256) {
        uint256 owed = _due(price, meter, meter.endedAt);
        return owed > meter.settled ? owed : meter.settled;
    }

    function _runsOutAt(Price memory price, Meter memory meter) internal pure returns (uint256) {
        return
            Billing.runsOutAt({
                paidBefore: meter.paidBefore,
                pricePerHour: price.pricePerHour,
                startedAt: meter.startedAt,
                credited: meter.credited,
                deposited: price.deposited
            });
    }

    /// @dev `max(settled, due(timestamp − holdBack))`; as `due` stands still from the end on, all of it has vested at
    /// `end + holdBack`.
    function _vested(
        Price memory price,
        Meter memory meter,
        uint256 timestamp
    ) internal pure returns (uint256) {
        uint256 creditable = timestamp > price.holdBack ? timestamp - price.holdBack : 0;
        uint256 owed = _due(price, meter, creditable);
        return owed > meter.settled ? owed : meter.settled;
    }

    /// @dev Credits what has vested and notes it in `meter`, which the caller stores. The shares are differences of
    /// functions of the cumulative amount, so the schedule of settlements leaves no trace.
    /// @return changed Whether there was anything to credit.
    function _settle(
        bytes32 leaseId,
        Price memory price,
        Meter memory meter
    ) internal returns (bool changed) {
        uint256 settled = _vested(price, meter, block.timestamp);
        if (settled == meter.settled) return false;
        (uint256 platformBefore, uint256 relayBefore, uint256 nodeBefore) = Billing.sharesDown({
            amount: meter.settled,
            platformBps: price.platformBps,
            relayBps: price.relayBps
        });
        (uint256 platform, uint256 relay, uint256 node) = Billing.sharesDown({
            amount: settled,
            platformBps: price.platformBps,
            relayBps: price.relayBps
        });
        // At most `deposited`, which has 64 bits.
        meter.settled = uint64(settled);
        unchecked {
            // The shares are monotone in the amount.
            _creditEarned({ node: 0, amount: platform - platformBefore });
            _creditEarned({ node: price.relay, amount: relay - relayBefore });
            _creditEarned({ node: price.node, amount: node - nodeBefore });
        }
        emit LeaseSettled({ leaseId: leaseId, node: price.node, settled: uint64(settled) });
        return true;
    }

    // ------------------------------------------------------------------------------------------------ the end

    /// @dev Any live state → Ended. Calls nobody but USDC, and that last.
    function _end(
        bytes32 leaseId,
        LeaseRecord storage lease,
        Holding memory holding,
        EndReason reason,
        address to
    ) internal {
        Meter memory meter = lease.meter;
        if (meter.endReason != EndReason.None) {
            revert Errors.LeaseEscrow_WrongStatus({ leaseId: leaseId, status: LeaseStatus.Ended });
        }
        Price memory price = lease.price;
        uint256 fee = price.hasTemplate ? _endFee(leaseId, lease, meter) : 0;
        meter.endReason = reason;
        meter.endedAt = uint40(block.timestamp);
        _settle(leaseId, price, meter);
        uint256 finalDue = _finalDue(price, meter);
        lease.meter = meter;
        if (price.node != 0) _release(price.node, holding, reason, meter.startedAt != 0);
        uint256 refunded = price.deposited - finalDue;
        address sentTo = _refund({ account: holding.tenant, to: to, amount: refunded + fee });
        emit LeaseEnded({
            leaseId: leaseId,
            tenant: holding.tenant,
            node: price.node,
            reason: reason,
            endedAt: meter.endedAt,
            due: uint64(finalDue),
            refunded: uint64(refunded),
            to: sentTo
        });
    }

    /// @dev The fee of a lease that ends now: back to the tenant inside the window, to author and platform after it.
    /// @return fee What goes back to the tenant.
    function _endFee(
        bytes32 leaseId,
        LeaseRecord storage lease,
        Meter memory meter
    ) private returns (uint256 fee) {
        Templated memory templated = lease.templated;
        if (templated.fee == 0) return 0;
        if (!_isFeeRefundable(templated, meter, block.timestamp)) {
            _payFee(leaseId, lease, templated);
            return 0;
        }
        fee = templated.fee;
        lease.templated.fee = 0;
        emit TemplateFeeRefunded({ leaseId: leaseId, fee: fee });
    }

    /// @dev Splits a held fee. The two parts are all of it.
    function _payFee(bytes32 leaseId, LeaseRecord storage lease, Templated memory templated) internal {
        uint256 toPlatform = (uint256(templated.fee) * Caps.TEMPLATE_PLATFORM_BPS) / Billing.BPS;
        uint256 toAuthor = templated.fee - toPlatform;
        lease.templated.fee = 0;
        _creditEarned({ node: 0, amount: toPlatform });
        _creditBalance({ account: templated.author, amount: toAuthor });
        emit TemplateFeePaid({
            leaseId: leaseId,
            author: templated.author,
            toAuthor: toAuthor,
            toPlatform: toPlatform
        });
        _emitBalance(templated.author);
    }

    function _isFeeRefundable(
        Templated memory templated,
        Meter memory meter,
        uint256 timestamp
    ) internal pure returns (bool) {
        return meter.startedAt == 0 || timestamp < uint256(meter.startedAt) + templated.refundWindow;
    }

    /// @dev Gives back what a lease held, and counts a clean end.
    function _release(uint32 node, Holding memory holding, EndReason reason, bool active) private {
        Book memory book = _nodes[node].book;
        unchecked {
            // Each was added by `_reserve` for this lease and is taken off once.
            book.pointUnits -= holding.pointUnits;
            book.memoryMiB -= holding.memoryMiB;
            book.diskGiB -= holding.diskGiB;
            book.gpus -= holding.gpus;
            bool clean = active && reason != EndReason.ReclaimedByOperator;
            if (clean && book.completed != type(uint24).max) ++book.completed;
        }
        _nodes[node].book = book;
    }

    // ------------------------------------------------------------------------------------------------ checks

    function _requireOperator(bytes32 leaseId, uint32 node) internal view {
        address operator = _nodes[node].operator;
        if (msg.sender != operator) {
            revert Errors.LeaseEscrow_NotOperator({
                leaseId: leaseId,
                operator: operator,
                caller: msg.sender
            });
        }
    }

    function _requireStatus(bytes32 leaseId, LeaseRecord storage lease, LeaseStatus wanted) internal view {
        LeaseStatus status = _statusOf(lease);
        if (status != wanted) revert Errors.LeaseEscrow_WrongStatus({ leaseId: leaseId, status: status });
    }

    function _requireTenant(bytes32 leaseId, address tenant, address caller) internal pure {
        if (caller != tenant) {
            revert Errors.LeaseEscrow_NotTenant({ leaseId: leaseId, tenant: tenant, caller: caller });
        }
    }

    /// @dev The status is not stored: it follows from what is.
    function _statusOf(LeaseRecord storage lease) internal view returns (LeaseStatus) {
        if (lease.holding.tenant == address(0)) return LeaseStatus.None;
        if (lease.meter.endReason != EndReason.None) return LeaseStatus.Ended;
        if (lease.meter.startedAt != 0) return LeaseStatus.Active;
        return lease.price.node == 0 ? LeaseStatus.Requested : LeaseStatus.Assigned;
    }
}
