// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

// Units, everywhere: money in µUSDC (6 decimals), prices in µUSDC per hour, times and durations in seconds,
// memory in MiB, disk in GiB, compute in point-units (12 units = 1 compute point), shares in basis points.

/// @notice What a tenant asks for and is bound by. `leaseId = keccak256(abi.encode(chainid, escrow, terms))`: an id
/// is therefore a commitment to exactly these terms, cannot be front-run, and serves as the EIP-3009 nonce.
/// @param tenant Who leases, pays and may close.
/// @param node Registry index of the node, or 0 for "any node that fits".
/// @param vcpus Virtual CPUs of the guest.
/// @param tier Quality tier: 0 Dedicated, 1 Standard, 2 Balanced, 3 Burstable.
/// @param bandwidth Bandwidth tier: 0 Basic, 1 Standard, 2 Performance, 3 Unmetered.
/// @param gpus GPUs passed through.
/// @param memoryMiB Memory of the guest.
/// @param diskGiB Disk of the guest.
/// @param region Untargeted leases only: the region wanted, 0 for anywhere.
/// @param maxPricePerHour The most the tenant will pay; a higher price refuses the lease.
/// @param deposit What is paid in at opening, template fee included.
/// @param holdBack How long earned time stays creditable to the tenant before it vests (at most 24 h).
/// @param minNotice The least notice of reclaim the tenant accepts from the node's operator.
/// @param activateWithin How long the node has to make the guest ready, counted from the assignment.
/// @param template Registry index of a template, 0 for none.
/// @param templateVersion Version of that template.
/// @param maxTemplateFee The most the tenant will pay for the template.
/// @param manifestHash `keccak256(salt ‖ canonical plaintext manifest)`: the node refuses any manifest that does not open to it.
/// @param salt Any value: makes two otherwise equal leases two leases.
struct Terms {
    address tenant;
    uint32 node;
    uint16 vcpus;
    uint8 tier;
    uint8 bandwidth;
    uint8 gpus;
    uint32 memoryMiB;
    uint32 diskGiB;
    bytes8 region;
    uint64 maxPricePerHour;
    uint64 deposit;
    uint32 holdBack;
    uint32 minNotice;
    uint32 activateWithin;
    uint32 template;
    uint32 templateVersion;
    uint64 maxTemplateFee;
    bytes32 manifestHash;
    bytes32 salt;
}

// Bytes of ABI-encoded terms: a word for each of 19 fields.
uint256 constant TERMS_SIZE = 19 * 32;

/// @notice Where a lease stands. Only None → Requested → Assigned → Active → Ended, forward; every live state may go to Ended.
enum LeaseStatus {
    None,
    Requested,
    Assigned,
    Active,
    Ended
}

/// @notice Why a lease ended.
enum EndReason {
    None,
    ClosedByTenant,
    ReclaimedByOperator,
    Depleted,
    Expired,
    Cancelled
}

/// @notice Everything the escrow keeps of a lease, unpacked. Derived figures have views of their own.
/// @param startedAt Start of the present paid segment: activation, or the top-up that revived a depleted lease.
/// @param credited Seconds given back to the tenant in the present paid segment.
/// @param paidBefore What the paid segments before the present one cost: `due = paidBefore + ⌊price × seconds / 3600⌋`.
struct Lease {
    LeaseStatus status;
    EndReason endReason;
    address tenant;
    uint32 node;
    uint32 relay;
    uint40 activateBy;
    uint40 startedAt;
    uint40 endedAt;
    uint64 pricePerHour;
    uint64 deposited;
    uint64 settled;
    uint32 credited;
    uint32 holdBack;
    uint16 minCharge;
    uint32 notice;
    uint16 platformBps;
    uint16 relayBps;
    uint64 paidBefore;
}

/// @notice A price vector, µUSDC per hour: per compute point, per GiB of memory, per GiB of disk, per GPU.
struct Prices {
    uint64 point;
    uint64 memoryGiB;
    uint64 diskGiB;
    uint64 gpu;
}

/// @notice What a node can hold, or has in use.
struct Capacity {
    uint64 pointUnits;
    uint64 memoryMiB;
    uint64 diskGiB;
    uint32 gpus;
}
