// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import { LeaseDesk } from "../../../contracts/src/LeaseDesk.sol";
import { LeaseEscrow } from "../../../contracts/src/LeaseEscrow.sol";
import { MockUSDC } from "../../../contracts/src/mocks/MockUSDC.sol";
import { PricePolicy } from "../../../contracts/src/PricePolicy.sol";
import { EndReason, Lease, LeaseStatus, Prices, Terms } from "../../../contracts/src/types/DataTypes.sol";
import { Assertions } from "../support/Assertions.sol";
import { authorizationDigest, signedBy } from "../support/Authorization.sol";
import { StubRegistry } from "../support/StubRegistry.sol";
import { vm } from "../support/Vm.sol";

/// @notice Everybody who may touch the escrow, driven by the fuzzer: tenants, agents, a keeper that settles when and
/// what it likes, a dust settler, a permit front-runner, a blacklister, a pauser, a registry that goes dark, an owner
/// who moves prices. Each lease has a twin in a second escrow that nobody settles; the two must agree in the end.
/// What must hold across one call is checked here, and the first breach is kept for the invariants to report.
contract Handler is Assertions {
    uint256 public constant MAX_LEASES = 4;
    uint32 public constant NODES = 3;
    address public constant KEEPER = address(0x5E771E);
    address internal constant AGENT_BASE = address(0xA6E000);

    struct Track {
        bytes32 id;
        bytes32 twin;
        Terms terms;
        Lease frozen;
        uint256 floorPrice;
        uint256 settled;
        uint256 refunded;
        uint8 rank;
    }

    LeaseEscrow public escrow;
    LeaseEscrow public twin;
    MockUSDC public usdc;
    PricePolicy public policy;
    StubRegistry public registry;
    address public owner;
    address private immutable _DEPLOYER = msg.sender;
    mapping(address helper => bool) private _helpers;

    Track[] private _tracks;
    Track private _none;
    uint256[3] private _keys = [uint256(0x11), 0x22, 0x33];
    uint256 public donated;
    mapping(uint32 account => uint256) public withdrawnOf;
    mapping(uint32 account => uint256) public earnedSeen;

    /// @notice Number of the first invariant a call broke, 0 while none did.
    uint256 public broken;

    mapping(bytes32 name => uint256) public calls;

    constructor(LeaseEscrow e, LeaseEscrow t, MockUSDC u, PricePolicy p, StubRegistry r, address o) {
        (escrow, twin, usdc, policy, registry, owner) = (e, t, u, p, r, o);
    }

    // ------------------------------------------------------------------------------------------------ views

    function count() external view returns (uint256) {
        return _tracks.length;
    }

    function track(uint256 i) external view returns (Track memory) {
        return _tracks[i];
    }

    function keyAt(uint256 i) public view returns (uint256) {
        return _keys[i % 3];
    }

    /// @notice Whether nobody can pay in: the guardian's pause, or Circle's.
    function closed() public view returns (bool) {
        return usdc.paused() || vm.getBlockTimestamp() < LeaseDesk(address(escrow.DESK())).pausedUntil();
    }

    function tenantAt(uint256 i) public view returns (address) {
        return vm.addr(_keys[i % 3]);
    }

    function operatorAt(uint32 node) public pure returns (address) {
        return address(uint160(0x0FE000 + node));
    }

    function earnedEver(uint32 account) public view returns (uint256) {
        return escrow.earnedOf(account) + withdrawnOf[account];
    }

    // ------------------------------------------------------------------------------------------------ helpers

    /// @notice Lets another handler report here. The fuzzer calls this too, to no effect.
    function trust(address helper) external {
        if (msg.sender == _DEPLOYER) _helpers[helper] = true;
    }

    /// @notice What another handler did to a lease, or, with `i` out of range, beside them.
    function note(uint256 i, bytes32 name, uint256 refunded, uint32 relay, uint256 breach) external {
        if (!_helpers[msg.sender]) return;
        if (i < _tracks.length) {
            _tracks[i].refunded += refunded;
            _tracks[i].frozen.relay = relay;
        }
        if (breach != 0) _break(breach);
        ++calls[name];
        _sync();
    }

    // ------------------------------------------------------------------------------------------------ tenants

    function open(uint256 seed, uint256 amount, uint256 holdBack, uint256 how) external {
        if (_tracks.length == MAX_LEASES || closed() || registry.bricked()) return;
        address tenant = tenantAt(seed);
        if (usdc.isBlacklisted(tenant) || usdc.isBlacklisted(address(escrow))) return;
        Terms memory asked = _terms(
            tenant,
            seed,
            bound(amount, 40_000, 5_000_000),
            bound(holdBack, 0, 1 days)
        );
        uint32 node = asked.node;
        how %= 6;
        if (how == 3) asked.node = 0;
        bytes32 id = escrow.leaseIdOf(asked);
        if (how == 0 || how == 3) {
            vm.prank(tenant);
            escrow.open(asked, "");
        } else if (how == 1) {
            vm.startPrank(tenant);
            escrow.deposit(asked.deposit);
            escrow.openFromBalance(asked, "");
            vm.stopPrank();
        } else if (how == 2) {
            _openWithFrontRunPermit(asked, _keys[seed % 3]);
        } else if (how == 4) {
            _openWithAuthorization(asked, id, _keys[seed % 3]);
        } else {
            Terms[] memory stack = new Terms[](1);
            stack[0] = asked;
            vm.prank(tenant);
            escrow.openStack(stack, new bytes[](1), false);
        }
        vm.prank(tenant);
        bytes32 other = twin.open(asked, "");
        if (how == 3) {
            _assign(asked, node);
            ++calls["assign"];
        }
        Track storage added = _tracks.push();
        added.id = id;
        added.twin = other;
        added.terms = asked;
        added.frozen = escrow.leaseOf(id);
        added.floorPrice = _floorPrice(asked);
        _reopen(asked);
        // From here on the handler asks which node a lease runs on.
        added.terms.node = node;
        ++calls["open"];
        if (how == 4) ++calls["openBySig"];
        if (how == 5) ++calls["openStack"];
        // Three guests of four come up at once; the fuzzer alone would let most of them expire.
        if (seed % 4 != 0) _activate(added);
        _sync();
    }

    function topUp(uint256 seed, uint256 amount, uint256 payer) external {
        (bool found, Track storage t) = _pick(seed);
        if (!found || closed()) return;
        Lease memory lease = escrow.leaseOf(t.id);
        if (lease.status == LeaseStatus.Ended) return;
        address from = tenantAt(payer);
        if (usdc.isBlacklisted(from) || usdc.isBlacklisted(address(escrow))) return;
        uint64 more = uint64(bound(amount, 40_000, 1_000_000));
        uint256 refundable = escrow.refundable(t.id);
        uint256 owed = escrow.due(t.id, vm.getBlockTimestamp());
        vm.startPrank(from);
        if (payer % 2 == 0) {
            escrow.topUp(t.id, more);
        } else {
            escrow.deposit(more);
            escrow.topUpFromBalance(t.id, more);
        }
        twin.topUp(t.twin, more);
        vm.stopPrank();
        // Every unit of a top-up is still there, whatever gap lies behind it.
        if (owed != escrow.due(t.id, vm.getBlockTimestamp())) _break(14);
        if (escrow.refundable(t.id) < refundable) _break(7);
        ++calls[owed != 0 && owed == lease.deposited ? bytes32("topUpDepleted") : bytes32("topUp")];
        _sync();
    }

    function close(uint256 seed, uint256 recipient) external {
        (bool found, Track storage t) = _pick(seed);
        if (!found || escrow.leaseOf(t.id).status == LeaseStatus.Ended) return;
        address tenant = t.terms.tenant;
        address[5] memory to = [address(0), tenant, KEEPER, address(escrow), address(usdc)];
        if (to[recipient % 5] == KEEPER) to[recipient % 5] = address(0xF00D);
        uint256 refund = escrow.refundable(t.id);
        uint256 balance = escrow.balanceOf(tenant);
        uint256 outside = usdc.balanceOf(to[recipient % 5]);
        vm.prank(tenant);
        try escrow.close(t.id, to[recipient % 5]) {
            t.refunded = refund;
            bool inside = escrow.balanceOf(tenant) == balance + refund;
            bool sent =
                usdc.balanceOf(to[recipient % 5]) == outside + refund && escrow.balanceOf(tenant) == balance;
            if (!inside && !sent) _break(1);
        } catch {
            _break(9);
        }
        vm.prank(tenant);
        twin.close(t.twin, address(0));
        ++calls["close"];
        _sync();
    }

    function deposit(uint256 seed, uint256 amount) external {
        address tenant = tenantAt(seed);
        if (usdc.paused() || usdc.isBlacklisted(tenant) || usdc.isBlacklisted(address(escrow))) return;
        vm.prank(tenant);
        escrow.deposit(bound(amount, 1, 1_000_000));
        ++calls["deposit"];
        _sync();
    }

    function withdraw(uint256 seed, uint256 amount) external {
        address tenant = tenantAt(seed);
        uint256 balance = escrow.balanceOf(tenant);
        if (balance == 0 || usdc.paused() || usdc.isBlacklisted(address(escrow))) return;
        vm.prank(tenant);
        escrow.withdraw(address(0xF00D), bound(amount, 1, balance));
        ++calls["withdraw"];
        _sync();
    }

    // ------------------------------------------------------------------------------------------------ nodes

    function activate(uint256 seed) external {
        (bool found, Track storage t) = _pick(seed);
        if (!found || registry.bricked() || closed()) return;
        Lease memory lease = escrow.leaseOf(t.id);
        if (lease.status != LeaseStatus.Assigned || vm.getBlockTimestamp() > lease.activateBy) return;
        _activate(t);
        _sync();
    }

    function withdrawEarned(uint256 seed, uint256 amount) external {
        uint32 account = uint32(seed % (NODES + 1));
        uint256 earned = escrow.earnedOf(account);
        if (earned == 0 || usdc.paused() || usdc.isBlacklisted(address(escrow))) return;
        amount = bound(amount, 1, earned);
        vm.prank(escrow.payeeOf(account));
        escrow.withdrawEarned(account, address(0xF00D), amount);
        withdrawnOf[account] += amount;
        ++calls["withdrawEarned"];
        _sync();
    }

    // ------------------------------------------------------------------------------------------------ anyone

    /// @notice The adversarial keeper: any ids, twice, mixed with ids that do not exist.
    function settle(uint256 seed) external {
        bytes32[] memory ids = new bytes32[](4);
        for (uint256 i = 0; i < 4; ++i) {
            (bool found, Track storage t) = _pick(seed >> (i * 8));
            ids[i] = found && (seed >> (200 + i)) % 4 != 0 ? t.id : keccak256(abi.encode(seed, i));
        }
        _settle(ids);
        ++calls["settle"];
        _sync();
    }

    /// @notice The dust settler: one lease, second after second.
    function settleDust(uint256 seed) external {
        (bool found, Track storage t) = _pick(seed);
        if (!found) return;
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = t.id;
        for (uint256 i = 0; i < 5; ++i) {
            vm.warp(vm.getBlockTimestamp() + 1);
            _settle(ids);
        }
        ++calls["settleDust"];
        _sync();
    }

    function expire(uint256 seed) external {
        (bool found, Track storage t) = _pick(seed);
        if (!found) return;
        Lease memory lease = escrow.leaseOf(t.id);
        if (lease.status != LeaseStatus.Assigned || vm.getBlockTimestamp() <= lease.activateBy) return;
        uint256 balance = escrow.balanceOf(lease.tenant);
        vm.startPrank(KEEPER);
        escrow.expire(t.id);
        twin.expire(t.twin);
        vm.stopPrank();
        t.refunded = lease.deposited;
        if (escrow.balanceOf(lease.tenant) != balance + lease.deposited) _break(7);
        ++calls["expire"];
        _sync();
    }

    function end(uint256 seed) external {
        (bool found, Track storage t) = _pick(seed);
        if (!found || escrow.leaseOf(t.id).status != LeaseStatus.Active) return;
        if (vm.getBlockTimestamp() < escrow.runsOutAt(t.id) + 72 hours) return;
        vm.startPrank(KEEPER);
        escrow.end(t.id);
        twin.end(t.twin);
        vm.stopPrank();
        ++calls["end"];
        _sync();
    }

    function donate(uint256 amount) external {
        amount = bound(amount, 1, 1000);
        if (usdc.paused() || usdc.isBlacklisted(address(escrow))) return;
        vm.prank(owner);
        usdc.mint(address(escrow), amount);
        donated += amount;
    }

    // ------------------------------------------------------------------------------------------------ the world

    function wait(uint256 duration) external {
        vm.warp(
            vm.getBlockTimestamp() +
                (duration % 3 == 0 ? bound(duration, 1, 100 hours) : bound(duration, 1, 3 hours))
        );
        _sync();
    }

    /// @notice To the very second at which a lease runs out, or some time after it.
    function waitForDepletion(uint256 seed) external {
        (bool found, Track storage t) = _pick(seed);
        if (!found || escrow.leaseOf(t.id).status != LeaseStatus.Active) return;
        uint256 runsOutAt = escrow.runsOutAt(t.id);
        if (runsOutAt < vm.getBlockTimestamp()) return;
        vm.warp(runsOutAt + ((seed >> 8) % 3) * ((seed >> 16) % 50 hours));
        ++calls["waitForDepletion"];
        _sync();
    }

    // ------------------------------------------------------------------------------------------------ internal

    function _activate(Track storage t) private {
        vm.startPrank(agentAt(t.terms.node));
        escrow.activate(t.id, keccak256("host key"));
        twin.activate(t.twin, keccak256("host key"));
        vm.stopPrank();
        ++calls["activate"];
    }

    function agentAt(uint32 node) public pure returns (address) {
        return address(uint160(AGENT_BASE) + node);
    }

    /// @dev A request, and a node that takes it when the scheduler has not.
    function _assign(Terms memory asked, uint32 node) private {
        vm.warp(vm.getBlockTimestamp() + 60);
        vm.startPrank(agentAt(node));
        escrow.assign(asked, node);
        twin.assign(asked, node);
        vm.stopPrank();
    }

    function _break(uint256 number) private {
        if (broken == 0) broken = number;
    }

    /// @dev What the floors alone would make of these terms, by hand and not with the library.
    function _floorPrice(Terms memory asked) private view returns (uint256) {
        (Prices memory floors, , uint256 units, uint256 multiplier, uint256 rate, ) = policy.pricing(
            asked.tier,
            asked.bandwidth
        );
        uint256 whole =
            (uint256(asked.vcpus) * units * floors.point) / 12 +
                (uint256(asked.memoryMiB) * floors.memoryGiB) / 1024 +
                uint256(asked.diskGiB) * floors.diskGiB;
        return (whole * multiplier) / 10_000 + rate;
    }

    function _openWithFrontRunPermit(Terms memory asked, uint256 key) private {
        address tenant = vm.addr(key);
        uint256 before = usdc.allowance(tenant, address(escrow));
        bytes32 digest = keccak256(
            abi.encodePacked(
                hex"1901",
                usdc.DOMAIN_SEPARATOR(),
                keccak256(
                    abi.encode(
                        usdc.PERMIT_TYPEHASH(),
                        tenant,
                        address(escrow),
                        asked.deposit,
                        usdc.nonces(tenant),
                        type(uint256).max
                    )
                )
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        vm.prank(KEEPER);
        usdc.permit(tenant, address(escrow), asked.deposit, type(uint256).max, v, r, s);
        vm.startPrank(tenant);
        escrow.openWithPermit(asked, "", type(uint256).max, v, r, s);
        usdc.approve(address(escrow), before);
        vm.stopPrank();
    }

    /// @dev One signature, submitted by somebody else.
    function _openWithAuthorization(Terms memory asked, bytes32 id, uint256 key) private {
        bytes32 digest = authorizationDigest(usdc, asked.tenant, address(escrow), asked.deposit, id);
        vm.prank(KEEPER);
        escrow.openWithAuthorization(asked, "", 0, type(uint256).max, signedBy(key, digest));
    }

    function _pick(uint256 seed) private view returns (bool found, Track storage t) {
        found = _tracks.length != 0;
        t = found ? _tracks[seed % _tracks.length] : _none;
    }

    /// @dev The same terms a second time.
    function _reopen(Terms memory asked) private {
        vm.prank(asked.tenant);
        try escrow.open(asked, "") {
            _break(15);
        } catch {} // solhint-disable-line no-empty-blocks
    }

    function _settle(bytes32[] memory ids) private {
        uint256[] memory refundable = new uint256[](_tracks.length);
        uint256[] memory vested = new uint256[](_tracks.length);
        for (uint256 i = 0; i < _tracks.length; ++i) {
            refundable[i] = escrow.refundable(_tracks[i].id);
            vested[i] = escrow.vested(_tracks[i].id, vm.getBlockTimestamp());
        }
        vm.prank(KEEPER);
        try escrow.settle(ids) {} catch {
            _break(11);
        }
        for (uint256 i = 0; i < _tracks.length; ++i) {
            bytes32 id = _tracks[i].id;
            if (escrow.refundable(id) != refundable[i]) _break(7);
            if (escrow.vested(id, vm.getBlockTimestamp()) != vested[i]) _break(13);
            for (uint256 j = 0; j < ids.length; ++j) {
                if (ids[j] == id && escrow.leaseOf(id).settled != vested[i]) _break(13);
            }
        }
    }

    /// @dev What may never go back, from one call to the next.
    function _sync() private {
        for (uint256 i = 0; i < _tracks.length; ++i) {
            Track storage t = _tracks[i];
            Lease memory lease = escrow.leaseOf(t.id);
            if (lease.settled < t.settled) _break(2);
            if (lease.deposited < t.frozen.deposited) _break(2);
            t.frozen.deposited = lease.deposited;
            t.settled = lease.settled;
            if (uint8(lease.status) < t.rank) _break(15);
            t.rank = uint8(lease.status);
        }
        for (uint32 account = 0; account <= NODES; ++account) {
            uint256 ever = earnedEver(account);
            if (ever < earnedSeen[account]) _break(8);
            earnedSeen[account] = ever;
        }
    }

    function _terms(
        address tenant,
        uint256 seed,
        uint256 amount,
        uint256 holdBack
    ) private view returns (Terms memory) {
        return
            Terms({
                tenant: tenant,
                node: uint32(1 + ((seed >> 8) % NODES)),
                vcpus: uint16(1 + ((seed >> 16) % 4)),
                tier: uint8((seed >> 24) % 4),
                bandwidth: uint8((seed >> 32) % 4),
                gpus: 0,
                memoryMiB: uint32(512 + ((seed >> 40) % 4096)),
                diskGiB: uint32(1 + ((seed >> 56) % 50)),
                region: 0,
                maxPricePerHour: type(uint64).max,
                deposit: uint64(amount),
                holdBack: uint32(holdBack),
                minNotice: 0,
                activateWithin: 0,
                template: 0,
                templateVersion: 0,
                maxTemplateFee: 0,
                manifestHash: bytes32(seed),
                salt: bytes32(_tracks.length)
            });
    }
}
