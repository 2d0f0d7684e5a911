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

/// @notice Slot 2: the price, frozen when the lease is priced. After that `deposited` moves, and only up, and `relay`,
/// when the node pays another one. A request that waits for its node has `deposited` and `hasTemplate` alone.
/// @param pricePerHour 48 bits, 281 million dollars: its product with 40 bits of seconds needs 88.
/// @param hasTemplate Whether slot 5 holds anything, so that nobody else reads it.
struct Price {
    uint64 deposited;
    uint48 pricePerHour;
    bool hasTemplate;
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
/// @param reclaimAt From when the operator may reclaim; 0 while no reclaim was announced.
/// @param agent Of a lease behind a relay: the agent that activated it and may switch the relay.
struct Extras {
    uint32 notice;
    uint40 reclaimAt;
    address agent;
}

/// @notice Slot 5: the template and its fee. Written only by a lease that names one.
/// @param author Who gets the fee.
/// @param fee Held; 0 once it went to the author or back to the tenant.
/// @param refundWindow Seconds from `startedAt` in which the fee goes back if the lease ends.
struct Templated {
    address author;
    uint24 template;
    uint24 version;
    uint32 fee;
    uint16 refundWindow;
}

struct LeaseRecord {
    Holding holding;
    Price price;
    Meter meter;
    Extras extras;
    Templated templated;
}

/// @notice Slot 1 of a node: what its leases earned and hold. Node 0 stands for the platform and holds nothing.
/// @param earned All that leases have credited to the node, cumulative: 80 bits are 10^18 USDC.
/// @param pointUnits Units of its live leases, like the three fields after it.
/// @param hosted Leases that became active.
/// @param completed Leases that came to a clean end: closed by the tenant once active, or used up.
/// @param known Whether the node has had a lease, and so has a payee.
struct Book {
    uint80 earned;
    uint32 pointUnits;
    uint32 memoryMiB;
    uint32 diskGiB;
    uint16 gpus;
    uint32 hosted;
    uint24 completed;
    bool known;
}

/// @notice Slot 2 of a node: who takes the money out.
/// @param withdrawn All that was taken out, cumulative.
struct Till {
    address payee;
    uint96 withdrawn;
}

/// @notice Slot 3 of a node: who may reclaim and credit its leases.
struct NodeAccount {
    Book book;
    Till till;
    address operator;
}

/// @notice Slot 1 as a word, laid out as the compiler lays the struct out: the first field lowest.
function packHolding(Holding memory holding) pure returns (uint256) {
    return
        uint256(uint160(holding.tenant)) |
        (uint256(holding.activateBy) << 160) |
        (uint256(holding.pointUnits) << 192) |
        (uint256(holding.memoryMiB) << 208) |
        (uint256(holding.diskGiB) << 232) |
        (uint256(holding.gpus) << 248);
}

/// @notice Slot 2 as a word.
function packPrice(Price memory price) pure returns (uint256) {
    return
        uint256(price.deposited) |
        (uint256(price.pricePerHour) << 64) |
        (price.hasTemplate ? uint256(1) << 112 : 0) |
        (uint256(price.node) << 120) |
        (uint256(price.relay) << 152) |
        (uint256(price.holdBack) << 184) |
        (uint256(price.minCharge) << 208) |
        (uint256(price.platformBps) << 224) |
        (uint256(price.relayBps) << 240);
}
