// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Capacity, EndReason, Lease, Terms } from "../types/DataTypes.sol";

/// @title ILeaseEscrow
/// @notice Holds all lease money. Prepaid and solvent by construction: what a lease owes is a pure function of storage
/// and the clock, so a keeper that is late, offline or hostile cannot change an amount.
interface ILeaseEscrow {
    // ------------------------------------------------------------------------------------------------ events
    // Every event carries cumulative values: indexing one twice, or again after a reorg, changes nothing.

    /// @notice A lease was opened. `manifest` is the sealed manifest, or empty when it follows later.
    event LeaseRequested(bytes32 indexed leaseId, address indexed tenant, Terms terms, bytes manifest);

    /// @notice A lease got its node and its price, frozen for its life. A targeted lease is assigned as it is opened.
    event LeaseAssigned(
        bytes32 indexed leaseId,
        uint32 indexed node,
        uint64 pricePerHour,
        uint16 minCharge,
        uint32 notice,
        uint16 platformBps,
        uint32 relay,
        uint16 relayBps,
        uint40 activateBy
    );

    /// @notice The guest is ready and billing has begun. `hostKeyFingerprint` is SHA-256 of its SSH host key.
    event LeaseActivated(
        bytes32 indexed leaseId,
        uint32 indexed node,
        uint40 startedAt,
        bytes32 hostKeyFingerprint
    );

    /// @notice `settled` is all that has vested to the node's side so far.
    event LeaseSettled(bytes32 indexed leaseId, uint32 indexed node, uint64 settled);

    /// @notice `deposited` is all that was paid in so far; `startedAt` moves when a depleted lease begins a new paid segment.
    event LeaseToppedUp(bytes32 indexed leaseId, address indexed payer, uint64 deposited, uint40 startedAt);

    /// @notice The lease is over. `due` is the final bill, `refunded` went to `to` (or to the internal balance of the
    /// tenant when `to` is zero); what of `due` has not vested yet follows in later settlements.
    event LeaseEnded(
        bytes32 indexed leaseId,
        address indexed tenant,
        uint32 indexed node,
        EndReason reason,
        uint40 endedAt,
        uint64 due,
        uint64 refunded,
        address to
    );

    /// @notice The internal balance of an account after a change.
    event BalanceChanged(address indexed account, uint256 balance);

    /// @notice `withdrawn` is all that the node's payee has taken out so far; node 0 is the platform.
    event EarnedWithdrawn(
        uint32 indexed node,
        address indexed payee,
        address to,
        uint256 amount,
        uint256 withdrawn
    );

    // ------------------------------------------------------------------------------------------------ state-changing

    /// @notice Opens a lease, paying `terms.deposit` from the caller's allowance. The caller must be `terms.tenant`.
    function open(Terms calldata terms, bytes calldata manifest) external returns (bytes32 leaseId);

    /// @notice Opens a lease, paying from the caller's internal balance.
    function openFromBalance(
        Terms calldata terms,
        bytes calldata manifest
    ) external returns (bytes32 leaseId);

    /// @notice Opens a lease after an EIP-2612 permit. A permit that was front-run does no harm: the allowance decides.
    function openWithPermit(
        Terms calldata terms,
        bytes calldata manifest,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (bytes32 leaseId);

    /// @notice Billing begins. By the node's agent, once, until `activateBy`.
    function activate(bytes32 leaseId, bytes32 hostKeyFingerprint) external;

    /// @notice Credits what has vested to the ledgers. By anyone; unknown and finished ids are skipped; never reverts.
    function settle(bytes32[] calldata leaseIds) external;

    /// @notice Adds to a lease from the caller's allowance; by anyone. After depletion a new paid segment starts now.
    function topUp(bytes32 leaseId, uint64 amount) external;

    /// @notice The same from the caller's internal balance.
    function topUpFromBalance(bytes32 leaseId, uint64 amount) external;

    /// @notice Ends a lease and refunds what is not due. By its tenant, in any live state. `to = 0` credits the internal balance.
    function close(bytes32 leaseId, address to) external;

    /// @notice Ends a lease that was not activated in time: full refund to the tenant's internal balance. By anyone.
    function expire(bytes32 leaseId) external;

    /// @notice Ends a lease that has been depleted for 72 h, freeing the node's capacity. By anyone.
    function end(bytes32 leaseId) external;

    /// @notice Pays into the caller's internal balance.
    function deposit(uint256 amount) external;

    /// @notice Takes from the caller's internal balance, to any address.
    function withdraw(address to, uint256 amount) external;

    /// @notice Takes from what a node has earned, to any address. By the node's payee.
    function withdrawEarned(uint32 node, address to, uint256 amount) external;

    // ------------------------------------------------------------------------------------------------ read-only

    function leaseIdOf(Terms calldata terms) external view returns (bytes32);
    function leaseOf(bytes32 leaseId) external view returns (Lease memory);
    /// @notice What the lease owes for the time up to `timestamp`, vested or not.
    function due(bytes32 leaseId, uint256 timestamp) external view returns (uint256);
    /// @notice What may be paid out at `timestamp`.
    function vested(bytes32 leaseId, uint256 timestamp) external view returns (uint256);
    /// @notice What the tenant would get back by closing now.
    function refundable(bytes32 leaseId) external view returns (uint256);
    /// @notice The first second at which everything deposited is due; 0 when the lease is not active.
    function runsOutAt(bytes32 leaseId) external view returns (uint256);
    function balanceOf(address account) external view returns (uint256);
    function earnedOf(uint32 node) external view returns (uint256);
    function payeeOf(uint32 node) external view returns (address);
    function inUse(uint32 node) external view returns (Capacity memory);
}
