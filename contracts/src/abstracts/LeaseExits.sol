// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ILeaseEscrow } from "../interfaces/ILeaseEscrow.sol";
import { ILeaseLife } from "../interfaces/ILeaseLife.sol";
import { Caps } from "../libraries/Caps.sol";
import { Errors } from "../libraries/Errors.sol";
import { EndReason, LeaseStatus } from "../types/DataTypes.sol";
import { Holding, LeaseRecord } from "../types/LeaseRecord.sol";
import { LeaseBook } from "./LeaseBook.sol";

/// @title LeaseExits
/// @notice Any live state → Ended. Either side can always leave, and nobody else is asked.
abstract contract LeaseExits is LeaseBook {
    /// @notice How long a depleted lease keeps its place on the node before anyone may end it.
    uint256 public constant DEPLETED_GRACE = Caps.DEPLETED_GRACE;

    /// @inheritdoc ILeaseEscrow
    function close(bytes32 leaseId, address to) external override {
        LeaseRecord storage lease = _leases[leaseId];
        Holding memory holding = lease.holding;
        // The mandates come with the tenant's signature, which they have checked.
        if (msg.sender != address(MANDATES)) _requireTenant(leaseId, holding.tenant, msg.sender);
        bool started = lease.meter.startedAt != 0;
        _end({
            leaseId: leaseId,
            lease: lease,
            holding: holding,
            reason: started ? EndReason.ClosedByTenant : EndReason.Cancelled,
            to: to
        });
    }

    /// @inheritdoc ILeaseEscrow
    function end(bytes32 leaseId) external override {
        LeaseRecord storage lease = _leases[leaseId];
        _requireStatus(leaseId, lease, LeaseStatus.Active);
        uint256 from = _runsOutAt(lease.price, lease.meter) + DEPLETED_GRACE;
        if (block.timestamp < from) revert Errors.LeaseEscrow_NotEndableYet({ leaseId: leaseId, from: from });
        _end({
            leaseId: leaseId,
            lease: lease,
            holding: lease.holding,
            reason: EndReason.Depleted,
            to: address(0)
        });
    }

    /// @inheritdoc ILeaseEscrow
    function expire(bytes32 leaseId) external override {
        LeaseRecord storage lease = _leases[leaseId];
        LeaseStatus status = _statusOf(lease);
        if (status != LeaseStatus.Requested && status != LeaseStatus.Assigned) {
            revert Errors.LeaseEscrow_WrongStatus({ leaseId: leaseId, status: status });
        }
        Holding memory holding = lease.holding;
        if (block.timestamp <= holding.activateBy) {
            revert Errors.LeaseEscrow_NotExpiredYet({ leaseId: leaseId, activateBy: holding.activateBy });
        }
        _end({ leaseId: leaseId, lease: lease, holding: holding, reason: EndReason.Expired, to: address(0) });
    }

    /// @inheritdoc ILeaseLife
    function reclaim(bytes32 leaseId) external override {
        LeaseRecord storage lease = _leases[leaseId];
        _requireOperator(leaseId, lease.price.node);
        _requireStatus(leaseId, lease, LeaseStatus.Active);
        uint256 from = lease.extras.reclaimAt;
        uint256 until = _lapseOf(from);
        if (block.timestamp < from || block.timestamp >= until) {
            revert Errors.LeaseEscrow_ReclaimNotDue({ leaseId: leaseId, from: from, until: until });
        }
        _end({
            leaseId: leaseId,
            lease: lease,
            holding: lease.holding,
            reason: EndReason.ReclaimedByOperator,
            to: address(0)
        });
    }

    /// @inheritdoc ILeaseLife
    function startReclaim(bytes32 leaseId, bytes32 reason) external override {
        LeaseRecord storage lease = _leases[leaseId];
        uint32 node = lease.price.node;
        _requireOperator(leaseId, node);
        _requireStatus(leaseId, lease, LeaseStatus.Active);
        // A second announcement never brings the day nearer.
        if (block.timestamp >= _lapseOf(lease.extras.reclaimAt)) {
            lease.extras.reclaimAt = uint40(block.timestamp + lease.extras.notice);
        }
        emit ReclaimStarted({
            leaseId: leaseId,
            node: node,
            reclaimAt: lease.extras.reclaimAt,
            reason: reason
        });
    }

    // ------------------------------------------------------------------------------------------------ internal

    /// @dev When a notice is used up: one given in advance for all time would be none. 0 when there was no notice.
    function _lapseOf(uint256 reclaimAt) private pure returns (uint256) {
        return reclaimAt == 0 ? 0 : reclaimAt + Caps.RECLAIM_WINDOW;
    }
}
