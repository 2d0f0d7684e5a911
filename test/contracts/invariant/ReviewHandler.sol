// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { LeaseEscrow } from "../../../contracts/src/LeaseEscrow.sol";
import { Reviews } from "../../../contracts/src/Reviews.sol";
import { LeaseStatus, Terms } from "../../../contracts/src/types/DataTypes.sol";
import { Assertions } from "../support/Assertions.sol";
import { EscrowDouble } from "../support/EscrowDouble.sol";
import { vm } from "../support/Vm.sol";

/// @notice Leases of the real escrow in every state, and everybody trying to review every one of them, with and without
/// the right to. The handler notes itself who opened, which became active and for how long it ran; whether a lease was
/// paid follows from that, not from what the escrow says of it.
contract ReviewHandler is Assertions {
    uint256 public constant MAX_LEASES = 8;
    uint256 public constant TENANTS = 3;

    struct Track {
        bytes32 id;
        address tenant;
        uint32 node;
        uint32 template;
        uint256 activatedAt;
        bool ended;
        bool closedActive;
        bool settled;
        bool creditedBack;
        uint256 nodeReviews;
        uint256 templateReviews;
    }

    LeaseEscrow public escrow;
    EscrowDouble public double;
    Reviews public reviews;
    address[2] public agents;

    Terms private _template;
    Track[] private _tracks;
    Track private _none;

    mapping(uint32 node => uint256) public nodeSum;
    mapping(uint32 node => uint256) public nodeCount;
    mapping(uint32 template => uint256) public templateSum;
    mapping(uint32 template => uint256) public templateCount;

    /// @notice Number of the invariant a call broke, 0 while none did.
    uint256 public broken;
    mapping(bytes32 name => uint256) public calls;

    constructor(LeaseEscrow e, EscrowDouble d, Reviews r, address[2] memory a, Terms memory template) {
        (escrow, double, reviews, agents) = (e, d, r, a);
        _template = template;
    }

    // ------------------------------------------------------------------------------------------------ views

    function count() external view returns (uint256) {
        return _tracks.length;
    }

    function track(uint256 i) external view returns (Track memory) {
        return _tracks[i];
    }

    function tenantAt(uint256 i) public pure returns (address) {
        return address(uint160(0x7E4000 + (i % TENANTS)));
    }

    // ------------------------------------------------------------------------------------------------ leases

    function open(uint256 seed, uint256 template) external {
        if (_tracks.length == MAX_LEASES) return;
        Terms memory asked = _template;
        asked.tenant = tenantAt(seed);
        asked.node = uint32(1 + (seed % 2));
        asked.salt = bytes32(_tracks.length);
        asked.holdBack = seed % 5 == 0 ? 0 : 1 hours;
        // Six of these fill a node: 16 units each, of 96.
        if (escrow.inUse(asked.node).pointUnits > 80) return;
        vm.prank(asked.tenant);
        bytes32 id = escrow.open(asked, "");
        Track storage added = _tracks.push();
        (added.id, added.tenant, added.node) = (id, asked.tenant, asked.node);
        added.template = uint32(template % 3);
        double.setTemplate(id, added.template, 1);
    }

    function activate(uint256 seed) external {
        (bool found, Track storage t) = _pick(seed);
        if (!found || t.ended || t.activatedAt != 0) return;
        if (vm.getBlockTimestamp() > escrow.leaseOf(t.id).activateBy) return;
        vm.prank(agents[t.node - 1]);
        escrow.activate(t.id, keccak256("fingerprint"));
        t.activatedAt = vm.getBlockTimestamp();
    }

    function close(uint256 seed) external {
        (bool found, Track storage t) = _pick(seed);
        if (!found || t.ended) return;
        uint256 earned = escrow.earnedOf(t.node);
        vm.prank(t.tenant);
        escrow.close(t.id, t.tenant);
        if (escrow.earnedOf(t.node) > earned) t.settled = true;
        (t.ended, t.closedActive) = (true, t.activatedAt != 0);
    }

    function expire(uint256 seed) external {
        (bool found, Track storage t) = _pick(seed);
        if (!found || escrow.leaseOf(t.id).status != LeaseStatus.Assigned) return;
        if (vm.getBlockTimestamp() <= escrow.leaseOf(t.id).activateBy) return;
        escrow.expire(t.id);
        t.ended = true;
    }

    function settle(uint256 seed) external {
        (bool found, Track storage t) = _pick(seed);
        if (!found) return;
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = t.id;
        uint256 earned = escrow.earnedOf(t.node);
        escrow.settle(ids);
        if (escrow.earnedOf(t.node) > earned) t.settled = true;
    }

    /// @notice All that did not settle was credited back, or was not after all.
    function creditBack(uint256 seed, bool value) external {
        (bool found, Track storage t) = _pick(seed);
        if (!found) return;
        t.creditedBack = value;
        double.setCreditedBack(t.id, value);
    }

    function wait(uint256 duration) external {
        vm.warp(vm.getBlockTimestamp() + (duration % 2 == 0 ? duration % 5 : duration % 3 hours));
    }

    // ------------------------------------------------------------------------------------------------ reviews

    function reviewNode(uint256 seed, uint256 who, uint8 stars) external {
        (bool found, Track storage t) = _pick(seed);
        if (!found) return;
        (address caller, uint8 given) = _reviewer(t, who, stars);
        bool allowed = _mayReview(t, caller, given) && t.nodeReviews == 0;
        vm.prank(caller);
        try reviews.reviewNode(t.id, given, "Title", "Comment.") {
            if (!allowed) broken = 17;
            ++t.nodeReviews;
            nodeSum[t.node] += given;
            ++nodeCount[t.node];
            ++calls["node"];
        } catch {
            if (allowed) broken = 17;
        }
    }

    function reviewTemplate(uint256 seed, uint256 who, uint8 stars) external {
        (bool found, Track storage t) = _pick(seed);
        if (!found) return;
        (address caller, uint8 given) = _reviewer(t, who, stars);
        bool allowed = _mayReview(t, caller, given) && t.templateReviews == 0 && t.template != 0;
        vm.prank(caller);
        try reviews.reviewTemplate(t.id, given, "Title", "Comment.") {
            if (!allowed) broken = 17;
            ++t.templateReviews;
            templateSum[t.template] += given;
            ++templateCount[t.template];
            ++calls["template"];
        } catch {
            if (allowed) broken = 17;
        }
    }

    function reviewUnknown(bytes32 id, uint256 who) external {
        vm.prank(who % 2 == 0 ? tenantAt(who) : address(0));
        try reviews.reviewNode(keccak256(abi.encode("unknown", id)), 5, "", "") {
            broken = 17;
        } catch {} // solhint-disable-line no-empty-blocks
    }

    // ------------------------------------------------------------------------------------------------ internal

    /// @dev Paid: something settled, or it ran for a second at a price above 3600 units an hour, or its tenant closed it
    /// and owes the minimum charge; and that was not credited back.
    function _mayReview(Track storage t, address caller, uint8 stars) private view returns (bool) {
        if (caller != t.tenant || t.activatedAt == 0 || stars == 0 || stars > 5) return false;
        if (t.settled) return true;
        if (t.creditedBack) return false;
        return t.closedActive || vm.getBlockTimestamp() > t.activatedAt;
    }

    function _pick(uint256 seed) private view returns (bool found, Track storage t) {
        found = _tracks.length != 0;
        t = found ? _tracks[seed % _tracks.length] : _none;
    }

    /// @dev Mostly the tenant with a fair number of stars.
    function _reviewer(Track storage t, uint256 who, uint8 stars) private view returns (address, uint8) {
        address caller = who % 4 == 0 ? tenantAt(who / 4) : t.tenant;
        if (who % 7 == 0) caller = agents[t.node - 1];
        return (caller, stars % 8);
    }
}
