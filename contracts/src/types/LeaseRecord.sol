// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { EndReason } from "./DataTypes.sol";

// How a lease lies in storage: one struct a slot, so that a function reads and writes whole slots and their number can
// be counted in the code. Opening writes the first two, activating the third; the fourth exists only when needed.

/// @notice Slot 1: whose lease it is and what of the machine it holds. Written once.
/// @param tenant Never zero once the lease exists.
/// @param activateBy Until when the node may activate. 32 bits reach to 2106.
struct Holding {
    address tenant;
    uint32 activateBy;
    uint16 pointUnits;
    uint24 memoryMiB;
    uint16 diskGiB;
    uint8 gpus;
}

/// @notice Slot 2: the price, frozen when the lease is priced. `deposited` alone moves, and only up.
/// @param pricePerHour 56 bits: its product with 32 bits of seconds needs 88.
struct Price {
    uint64 deposited;
    uint56 pricePerHour;
    uint32 node;
    uint32 relay;
    uint24 holdBack;
    uint16 minCharge;
    uint16 platformBps;
    uint16 relayBps;
}

/// @notice Slot 3: the meter. Empty until the lease is activated, or ended before that.
/// @param settled What has been credited to the node's side, cumulative.
/// @param paidBefore What the paid segments before the present one cost, cumulative.
/// @param startedAt Start of the present paid segment.
/// @param credited Seconds given back to the tenant in the present paid segment.
struct Meter {
    uint64 settled;
    uint64 paidBefore;
    uint40 startedAt;
    uint40 endedAt;
    uint32 credited;
    EndReason endReason;
}

/// @notice Slot 4: what most leases do without. Written only when not empty.
/// @param notice Seconds of notice the operator gives before a reclaim.
struct Extras {
    uint32 notice;
}

struct LeaseRecord {
    Holding holding;
    Price price;
    Meter meter;
    Extras extras;
}

/// @notice Slot 1 of a node: what its leases earned and hold. Node 0 stands for the platform and holds nothing.
/// @param earned All that leases have credited to the node, cumulative.
/// @param pointUnits Units of its live leases, like the three fields after it.
/// @param known Whether the node has had a lease, and so has a payee.
struct Book {
    uint96 earned;
    uint40 pointUnits;
    uint40 memoryMiB;
    uint40 diskGiB;
    uint24 gpus;
    bool known;
}

/// @notice Slot 2 of a node: who takes the money out.
/// @param withdrawn All that was taken out, cumulative.
struct Till {
    address payee;
    uint96 withdrawn;
}

struct NodeAccount {
    Book book;
    Till till;
}
