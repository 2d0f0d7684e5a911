// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { LeaseEscrow } from "../../../contracts/src/LeaseEscrow.sol";
import { MockUSDC } from "../../../contracts/src/mocks/MockUSDC.sol";
import { Payouts } from "../../../contracts/src/Payouts.sol";
import { Assertions } from "../support/Assertions.sol";
import { vm } from "../support/Vm.sol";

/// @notice Payees who enroll and leave, owners who pass it on, pushers, thieves, a blacklister and a pauser, while leases
/// run and settle. Books of its own say before each call whose the money is and where it may go; what goes elsewhere, or a
/// call that succeeds and may not or fails and must not, is a breach and is kept for the invariant.
contract PayoutsHandler is Assertions {
    uint256 public constant ACTORS = 4;
    uint32 public constant NODES = 2;

    struct Book {
        uint256 payee;
        bool enrolled;
        uint256 owner;
        uint256 recipient;
        uint256 pushedAt;
    }

    Payouts public payouts;
    LeaseEscrow public escrow;
    MockUSDC public usdc;
    address public token;
    bytes32[] public leases;

    uint256 public broken;
    bytes32 public brokenBy;
    /// @notice What each actor must have by the handler's books.
    mapping(uint256 actor => uint256) public due;
    mapping(uint32 node => Book) public books;
    mapping(bytes32 name => uint256) public calls;

    constructor(Payouts p, LeaseEscrow e, MockUSDC u, address owner, bytes32[] memory ids) {
        (payouts, escrow, usdc, token, leases) = (p, e, u, owner, ids);
    }

    function actorAt(uint256 i) public pure returns (address) {
        return address(uint160(0xAC8000 + (i % ACTORS)));
    }

    // ------------------------------------------------------------------------------------------------ owners

    function enroll(uint256 where, uint256 who, uint256 to) external {
        uint32 node = _nodeAt(where);
        Book storage book = books[node];
        if (who % 4 != 0) who = book.payee;
        bool allowed = !book.enrolled && who % ACTORS == book.payee;
        if (!book.enrolled) {
            vm.prank(actorAt(book.payee));
            escrow.proposePayee(node, address(payouts));
        }
        _expect(who, abi.encodeCall(payouts.enroll, (node, actorAt(to))), allowed, "enroll");
        if (!allowed) return;
        (book.enrolled, book.owner, book.recipient) = (true, who % ACTORS, to % ACTORS);
    }

    function leave(uint256 where, uint256 who, uint256 to) external {
        uint32 node = _nodeAt(where);
        Book storage book = books[node];
        if (!book.enrolled) return;
        if (who % 4 != 0) who = book.owner;
        bool allowed = who % ACTORS == book.owner;
        _expect(who, abi.encodeCall(payouts.proposePayee, (node, actorAt(to))), allowed, "proposePayee");
        if (!allowed) return;
        vm.prank(actorAt(to));
        escrow.acceptPayee(node);
        (book.enrolled, book.payee) = (false, to % ACTORS);
    }

    function passOn(uint256 where, uint256 who, uint256 to, uint256 taker) external {
        uint32 node = _nodeAt(where);
        Book storage book = books[node];
        if (!book.enrolled) return;
        if (who % 4 != 0) who = book.owner;
        bool allowed = who % ACTORS == book.owner;
        _expect(who, abi.encodeCall(payouts.proposeOwner, (node, actorAt(to))), allowed, "proposeOwner");
        if (!allowed) return;
        bool fits = taker % ACTORS == to % ACTORS;
        _expect(taker, abi.encodeCall(payouts.acceptOwner, (node)), fits, "acceptOwner");
        if (fits) book.owner = to % ACTORS;
        else {
            vm.prank(actorAt(who));
            payouts.proposeOwner(node, address(0));
        }
    }

    function setRecipient(uint256 where, uint256 who, uint256 to) external {
        uint32 node = _nodeAt(where);
        Book storage book = books[node];
        if (!book.enrolled) return;
        if (who % 4 != 0) who = book.owner;
        bool allowed = who % ACTORS == book.owner;
        _expect(who, abi.encodeCall(payouts.setRecipient, (node, actorAt(to))), allowed, "setRecipient");
        if (allowed) book.recipient = to % ACTORS;
    }

    function withdraw(uint256 where, uint256 who, uint256 to, uint256 part) external {
        uint32 node = _nodeAt(where);
        Book storage book = books[node];
        if (!book.enrolled) return;
        if (who % 4 != 0) who = book.owner;
        uint256 amount = bound(part, 0, escrow.earnedOf(node));
        bool allowed = who % ACTORS == book.owner && amount != 0 && _moves(to);
        _expect(who, abi.encodeCall(payouts.withdraw, (node, actorAt(to), amount)), allowed, "withdraw");
        if (allowed) due[to % ACTORS] += amount;
    }

    // ------------------------------------------------------------------------------------------------ the rest of the world

    function push(uint256 who, uint256 seed) external {
        uint32[] memory nodes = new uint32[](seed % 5);
        uint256 now_ = vm.getBlockTimestamp();
        for (uint256 i = 0; i < nodes.length; ++i) {
            // 0 is the platform, the last one nobody's.
            uint32 node = uint32((seed >> (8 * (i + 1))) % (NODES + 2));
            nodes[i] = node;
            Book storage book = books[node];
            uint256 earned = escrow.earnedOf(node);
            bool seen;
            for (uint256 j = 0; j < i; ++j) seen = seen || nodes[j] == node;
            bool pays = book.enrolled && !seen && earned != 0 && now_ >= book.pushedAt + 7 days;
            if (!pays || !_moves(book.recipient)) continue;
            due[book.recipient] += earned;
            book.pushedAt = now_;
        }
        _expect(who, abi.encodeCall(payouts.push, (nodes)), true, "push");
    }

    function payAlone(uint256 where, uint256 who, uint256 amount) external {
        _expect(who, abi.encodeCall(payouts.pay, (_nodeAt(where), amount)), false, "pay");
    }

    function settle(uint256 seconds_) external {
        vm.warp(vm.getBlockTimestamp() + (seconds_ % 3 days));
        escrow.settle(leases);
    }

    function blacklist(uint256 who, bool on) external {
        vm.prank(token);
        if (on) usdc.blacklist(actorAt(who));
        else usdc.unBlacklist(actorAt(who));
    }

    function pause(bool on) external {
        if (on == usdc.paused()) return;
        vm.prank(token);
        if (on) usdc.pause();
        else usdc.unpause();
    }

    // ------------------------------------------------------------------------------------------------ internal

    function _nodeAt(uint256 i) private pure returns (uint32) {
        return uint32(1 + (i % NODES));
    }

    function _moves(uint256 to) private view returns (bool) {
        return !usdc.paused() && !usdc.isBlacklisted(actorAt(to));
    }

    function _expect(uint256 who, bytes memory data, bool allowed, bytes32 name) private {
        vm.prank(actorAt(who));
        (bool done, ) = address(payouts).call(data);
        ++calls[name];
        if (done == allowed || broken != 0) return;
        (broken, brokenBy) = (23, name);
    }
}
