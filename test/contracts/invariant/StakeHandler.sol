// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { IPremiumStake } from "../../../contracts/src/interfaces/IPremiumStake.sol";
import { PremiumStake } from "../../../contracts/src/PremiumStake.sol";
import { Reputation } from "../../../contracts/src/Reputation.sol";
import { Assertions } from "../support/Assertions.sol";
import { EscrowDouble } from "../support/EscrowDouble.sol";
import { PlainToken } from "../support/StakeTokens.sol";
import { StubRegistry } from "../support/StubRegistry.sol";
import { vm } from "../support/Vm.sol";

/// @notice Operators who stake, lock and leave, nodes that are sold, good and bad days, a registry that goes dark and
/// gifts. The handler keeps books of its own, from what it saw go in and out, and says before each call whether it may
/// succeed; a call that does otherwise, or moves anybody else's tokens, is a breach and is kept for the invariants.
contract StakeHandler is Assertions {
    uint256 public constant ACTORS = 4;
    uint32 public constant NODES = 3;
    uint256 public constant MINIMUM = 1000;
    address public constant ATTESTER = address(0xF001);

    struct Position {
        uint256 who;
        uint32 node;
    }

    PremiumStake public premium;
    PlainToken public token;
    StubRegistry public registry;
    Reputation public reputation;
    EscrowDouble public counters;

    uint256 public donated;
    uint256 public attestedDay;

    /// @notice Number of the invariant a call broke, 0 while none did, and in which call.
    uint256 public broken;
    bytes32 public brokenBy;

    mapping(address staker => uint256) public paidIn;
    mapping(address staker => uint256) public paidOut;
    mapping(uint32 node => mapping(address staker => IPremiumStake.Stake)) private _books;
    Position[] private _positions;
    mapping(uint32 node => uint256) public operatorOf;
    mapping(uint32 node => uint256) public missed;
    mapping(uint32 node => uint256) public completed;
    mapping(bytes32 name => uint256) public calls;

    constructor(PremiumStake p, PlainToken t, StubRegistry r, Reputation u, EscrowDouble c) {
        (premium, token, registry, reputation, counters) = (p, t, r, u, c);
    }

    // ------------------------------------------------------------------------------------------------ views

    function actorAt(uint256 i) public pure returns (address) {
        return address(uint160(0xAC7000 + (i % ACTORS)));
    }

    function bookOf(uint32 node, address staker) external view returns (IPremiumStake.Stake memory) {
        return _books[node][staker];
    }

    // ------------------------------------------------------------------------------------------------ stakers

    function stake(uint256 who, uint256 where, uint256 amount, uint256 lockFor) external {
        uint32 node = _nodeAt(where);
        if (who % 8 != 0) who = operatorOf[node];
        address actor = actorAt(who);
        amount = bound(amount, 0, 3 * MINIMUM);
        uint256 now_ = vm.getBlockTimestamp();
        uint256 until = lockFor % 3 == 0 ? now_ + (lockFor % 20 days) : 0;
        IPremiumStake.Stake storage book = _books[node][actor];
        bool allowed =
            amount != 0 &&
                !registry.bricked() &&
                operatorOf[node] == who % ACTORS &&
                missed[node] <= 288 &&
                completed[node] >= 10 &&
                book.bonded + amount >= MINIMUM &&
                (until == 0 || until >= book.lockedUntil);
        uint256[] memory before = _balances();
        vm.prank(actor);
        bool done = _try(abi.encodeCall(premium.stake, (node, amount, until)));
        if (done) {
            if (book.bonded + book.unbonding == 0) _positions.push(Position(who % ACTORS, node));
            paidIn[actor] += amount;
            book.bonded += uint96(amount);
            if (until != 0) book.lockedUntil = uint32(until);
            before[who % ACTORS] -= amount;
        }
        _check("stake", done, allowed, before);
    }

    function lock(uint256 who, uint256 where, uint256 lockFor) external {
        uint32 node;
        (who, node) = _pick(who, where);
        address actor = actorAt(who);
        uint256 until = vm.getBlockTimestamp() + (lockFor % 20 days);
        IPremiumStake.Stake storage book = _books[node][actor];
        uint256[] memory before = _balances();
        vm.prank(actor);
        bool done = _try(abi.encodeCall(premium.lock, (node, until)));
        bool allowed = book.bonded != 0 && until >= book.lockedUntil;
        if (done) book.lockedUntil = uint32(until);
        _check("lock", done, allowed, before);
    }

    function startUnbonding(uint256 who, uint256 where, uint256 amount) external {
        uint32 node;
        (who, node) = _pick(who, where);
        address actor = actorAt(who);
        IPremiumStake.Stake storage book = _books[node][actor];
        // Often all of it, sometimes one unit more than there is.
        amount = amount % 3 == 0 ? book.bonded : bound(amount, 0, uint256(book.bonded) + 1);
        bool allowed = amount != 0 && amount <= book.bonded && vm.getBlockTimestamp() >= book.lockedUntil;
        uint256[] memory before = _balances();
        vm.prank(actor);
        bool done = _try(abi.encodeCall(premium.startUnbonding, (node, amount)));
        if (done) {
            book.bonded -= uint96(amount);
            book.unbonding += uint96(amount);
            book.releaseAt = uint32(vm.getBlockTimestamp() + 14 days);
        }
        _check("startUnbonding", done, allowed, before);
    }

    /// @notice Whoever calls, for whichever node: what comes out is the caller's own and its time has come. And when it
    /// has, nothing keeps it in, a dark registry included.
    function withdraw(uint256 who, uint256 where) external {
        uint32 node;
        (who, node) = _pick(who, where);
        address actor = actorAt(who);
        IPremiumStake.Stake storage book = _books[node][actor];
        bool allowed = book.unbonding != 0 && vm.getBlockTimestamp() >= book.releaseAt;
        uint256[] memory before = _balances();
        vm.prank(actor);
        bool done = _try(abi.encodeCall(premium.withdraw, (node)));
        if (done) {
            paidOut[actor] += book.unbonding;
            before[who % ACTORS] += book.unbonding;
            (book.unbonding, book.releaseAt) = (0, 0);
        }
        _check("withdraw", done, allowed, before);
    }

    // ------------------------------------------------------------------------------------------------ the world

    function sell(uint256 where, uint256 to) external {
        if (registry.bricked()) return;
        uint32 node = _nodeAt(where);
        INodeRegistry.Offer memory offer = registry.offer(node);
        offer.operator = actorAt(to);
        registry.setOffer(node, offer);
        operatorOf[node] = to % ACTORS;
    }

    function serve(uint256 where, uint256 failed, uint256 leases) external {
        uint32 node = _nodeAt(where);
        missed[node] = failed % 4 == 0 ? bound(failed, 289, 5760) : failed % 289;
        completed[node] = leases % 4 == 0 ? leases % 10 : 10 + (leases % 90);
        counters.setCounters(node, 100, uint32(completed[node]));
        _refresh();
    }

    function brick(uint256 whether) external {
        registry.setBricked(whether % 3 == 0);
    }

    function donate(uint256 amount) external {
        amount = bound(amount, 1, 1000);
        token.mint(address(premium), amount);
        donated += amount;
    }

    function wait(uint256 duration) external {
        vm.warp(vm.getBlockTimestamp() + 1 + (duration % 10 days));
        _refresh();
    }

    // ------------------------------------------------------------------------------------------------ internal

    function _balances() private view returns (uint256[] memory balances) {
        balances = new uint256[](ACTORS);
        for (uint256 i = 0; i < ACTORS; ++i) balances[i] = token.balanceOf(actorAt(i));
    }

    function _check(bytes32 name, bool done, bool allowed, uint256[] memory expected) private {
        if (done) ++calls[name];
        bool sound = done == allowed;
        for (uint256 i = 0; i < ACTORS; ++i) {
            if (token.balanceOf(actorAt(i)) != expected[i]) sound = false;
        }
        if (!sound && broken == 0) (broken, brokenBy) = (16, name);
    }

    function _nodeAt(uint256 i) private pure returns (uint32) {
        return uint32(1 + (i % NODES));
    }

    /// @dev Mostly a stake there is or was: a stranger's attempt now and then is enough.
    function _pick(uint256 who, uint256 where) private view returns (uint256, uint32) {
        if (who % 8 == 0 || _positions.length == 0) return (who, _nodeAt(where));
        Position memory position = _positions[where % _positions.length];
        return (position.who, position.node);
    }

    /// @dev The attester says of yesterday what is so now and takes back what it said of any other day: yesterday is
    /// the uptime.
    function _refresh() private {
        uint256 yesterday = vm.getBlockTimestamp() / 1 days - 1;
        uint256[] memory words = new uint256[](1);
        vm.startPrank(ATTESTER);
        if (attestedDay != yesterday && attestedDay + 29 >= yesterday) {
            reputation.attest(uint32(attestedDay), 0, words);
        }
        for (uint32 node = 1; node <= NODES; ++node) words[0] |= (missed[node] + 1) << (uint256(node) * 16);
        reputation.attest(uint32(yesterday), 0, words);
        vm.stopPrank();
        attestedDay = yesterday;
    }

    function _try(bytes memory data) private returns (bool done) {
        (done, ) = address(premium).call(data);
    }
}
