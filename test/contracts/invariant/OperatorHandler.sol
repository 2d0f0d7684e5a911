// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IDowntimeQuorum } from "../../../contracts/src/interfaces/IDowntimeQuorum.sol";
import { LeaseEscrow } from "../../../contracts/src/LeaseEscrow.sol";
import { Lease, LeaseStatus } from "../../../contracts/src/types/DataTypes.sol";
import { Assertions } from "../support/Assertions.sol";
import { vm } from "../support/Vm.sol";
import { Handler } from "./Handler.sol";

/// @notice What operators and attesters do in the world of {Handler}: give downtime back, reclaim, pay another relay.
contract OperatorHandler is Assertions {
    uint160 public constant ATTESTER_BASE = 0xA77E57;
    Handler private immutable _WORLD;
    LeaseEscrow private immutable _ESCROW;
    LeaseEscrow private immutable _TWIN;

    constructor(Handler world) {
        (_WORLD, _ESCROW, _TWIN) = (world, world.escrow(), world.twin());
    }

    /// @notice Downtime, before and after the end. What comes back after it counts as refunded.
    function credit(uint256 seed, uint256 duration) external {
        if (_WORLD.count() == 0) return;
        uint256 i = seed % _WORLD.count();
        Handler.Track memory t = _WORLD.track(i);
        Lease memory lease = _ESCROW.leaseOf(t.id);
        if (lease.startedAt == 0 || lease.holdBack == 0) return;
        uint256 until = lease.endedAt == 0 ? vm.getBlockTimestamp() : lease.endedAt;
        uint256 owed = _ESCROW.due(t.id, until);
        uint256 vested = _ESCROW.vested(t.id, vm.getBlockTimestamp());
        if (owed <= vested || ((owed - vested) * 3600) / lease.pricePerHour == 0) return;
        uint256 refundable = _ESCROW.refundable(t.id);
        uint256 balance = _ESCROW.balanceOf(lease.tenant);
        uint32 length = uint32(bound(duration, 1, 2 days));
        if (duration % 2 == 0) {
            vm.startPrank(_WORLD.operatorAt(lease.node));
            _ESCROW.credit(t.id, length);
            _TWIN.credit(t.twin, length);
            vm.stopPrank();
        } else {
            _vote(_ESCROW, t.id, length);
            _vote(_TWIN, t.twin, length);
        }
        uint256 left = _ESCROW.due(t.id, until);
        uint256 breach;
        // Only what had not vested, and at most the hold-back of it, rounded up.
        if (left > owed || left < vested) breach = 8;
        if (left < owed && ((owed - left - 1) * 3600) / lease.pricePerHour > lease.holdBack) breach = 8;
        if (_ESCROW.refundable(t.id) < refundable) breach = 7;
        _WORLD.note({
            i: i,
            name: lease.endedAt == 0 ? bytes32("credit") : bytes32("creditEnded"),
            refunded: _ESCROW.balanceOf(lease.tenant) - balance,
            relay: lease.relay,
            breach: breach
        });
    }

    function reclaim(uint256 seed) external {
        if (_WORLD.count() == 0) return;
        uint256 i = seed % _WORLD.count();
        Handler.Track memory t = _WORLD.track(i);
        Lease memory lease = _ESCROW.leaseOf(t.id);
        if (lease.status != LeaseStatus.Active) return;
        uint256 balance = _ESCROW.balanceOf(lease.tenant);
        vm.startPrank(_WORLD.operatorAt(lease.node));
        _ESCROW.startReclaim(t.id, "");
        _ESCROW.reclaim(t.id);
        _TWIN.startReclaim(t.twin, "");
        _TWIN.reclaim(t.twin);
        vm.stopPrank();
        _WORLD.note(i, "reclaim", _ESCROW.balanceOf(lease.tenant) - balance, lease.relay, 0);
    }

    /// @notice Node 2 pays node 1 or node 3 for its relay, once they have a lease.
    function switchRelay(uint256 seed) external {
        if (_WORLD.count() == 0) return;
        uint256 i = seed % _WORLD.count();
        Handler.Track memory t = _WORLD.track(i);
        Lease memory lease = _ESCROW.leaseOf(t.id);
        uint32 relay = (seed >> 8) % 2 == 0 ? 1 : 3;
        if (lease.relay == 0 || _ESCROW.payeeOf(relay) == address(0)) return;
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = t.id;
        vm.startPrank(_WORLD.operatorAt(lease.node));
        _ESCROW.switchRelay(ids, relay);
        ids[0] = t.twin;
        _TWIN.switchRelay(ids, relay);
        vm.stopPrank();
        _WORLD.note(i, "switchRelay", 0, relay, 0);
    }

    /// @dev Two attesters of three; the third is against it, or asleep.
    function _vote(LeaseEscrow escrow, bytes32 leaseId, uint32 duration) private {
        IDowntimeQuorum quorum = escrow.QUORUM();
        for (uint160 i = 1; i <= 2; ++i) {
            vm.prank(address(ATTESTER_BASE + i));
            quorum.vote(leaseId, duration);
        }
    }
}
