// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IDowntimeQuorum } from "./IDowntimeQuorum.sol";
import { ILeaseDesk } from "./ILeaseDesk.sol";

/// @title ILeaseLife
/// @notice What can happen to a lease beyond paying in and closing: reclaim, credit, another relay, its
/// template's fee.
interface ILeaseLife {
    /// @notice The operator wants the machine back and may take it from `reclaimAt` on. `reason` is up to 32 bytes of text.
    event ReclaimStarted(bytes32 indexed leaseId, uint32 indexed node, uint40 reclaimAt, bytes32 reason);

    /// @notice Downtime went back to the tenant. `credited`, `startedAt` and `paidBefore` are the meter's state after it;
    /// `due` is what the lease owes up to now, or, of a lease that has ended, its whole bill.
    event LeaseCredited(
        bytes32 indexed leaseId,
        uint32 indexed node,
        uint32 duration,
        uint32 credited,
        uint40 startedAt,
        uint64 paidBefore,
        uint64 due
    );

    /// @notice From here on `relay` gets the relay's share.
    event RelaySwitched(bytes32 indexed leaseId, uint32 indexed relay);

    /// @notice The held fee went to author and platform.
    event TemplateFeePaid(
        bytes32 indexed leaseId,
        address indexed author,
        uint256 toAuthor,
        uint256 toPlatform
    );

    /// @notice The held fee went back to the tenant, together with the refund of the end.
    event TemplateFeeRefunded(bytes32 indexed leaseId, uint256 fee);

    /// @notice Gives notice. By the node's operator, of an active lease. While a notice stands, a second call changes
    /// nothing but the reason; one that was not used within seven days of its end is void, and a new one may be given.
    function startReclaim(bytes32 leaseId, bytes32 reason) external;

    /// @notice Ends the lease within seven days after the notice is over: what is not due goes to the tenant's internal
    /// balance, and no minimum is charged. By the node's operator.
    function reclaim(bytes32 leaseId) external;

    /// @notice Gives seconds back to the tenant, out of what has not vested: at most the hold-back, and as much of
    /// `duration` as is left of it. What has vested is settled first. By the node's operator or the quorum.
    function credit(bytes32 leaseId, uint32 duration) external;

    /// @notice Settles each lease and pays another relay from there on, at the same share. By the node's operator, or by
    /// the agent that activated the lease. The relay must have served or run a lease before.
    function switchRelay(bytes32[] calldata leaseIds, uint32 relay) external;

    /// @notice Pays into a lease for `payer`, who signed for it or allowed it: out of its internal balance, or out of what
    /// {ILeaseMandates} has just been paid by it. By {ILeaseMandates} only.
    function topUpFor(address payer, bytes32 leaseId, uint64 amount, bool fromBalance) external;

    /// @notice Pays a held fee, 85 % to the author's internal balance and 15 % to the platform, once the refund window
    /// after activation is over. By anyone.
    function releaseTemplateFee(bytes32 leaseId) external;

    /// @notice What prices leases and holds the pointers and the pause: created with this contract, never replaced.
    function DESK() external view returns (ILeaseDesk);

    /// @notice Who else may credit: attesters, several of them together.
    function QUORUM() external view returns (IDowntimeQuorum);

    /// @notice From when the operator may reclaim; 0 while no notice was given.
    function reclaimableFrom(bytes32 leaseId) external view returns (uint256);
    /// @return author Who gets the fee.
    /// @return held What is held now.
    /// @return refundWindow Seconds from the start of the present paid segment in which it goes back.
    function templateFeeOf(
        bytes32 leaseId
    ) external view returns (address author, uint32 held, uint16 refundWindow);
}
