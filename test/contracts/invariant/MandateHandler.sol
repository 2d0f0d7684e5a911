// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ILeaseMandates } from "../../../contracts/src/interfaces/ILeaseMandates.sol";
import { LeaseEscrow } from "../../../contracts/src/LeaseEscrow.sol";
import { MockUSDC } from "../../../contracts/src/mocks/MockUSDC.sol";
import { Lease, LeaseStatus } from "../../../contracts/src/types/DataTypes.sol";
import { Assertions } from "../support/Assertions.sol";
import { authorizationDigest, signedBy } from "../support/Authorization.sol";
import { vm } from "../support/Vm.sol";
import { Handler } from "./Handler.sol";

/// @notice What tenants in the world of {Handler} sign or allow in advance, carried out by a relayer who keeps every
/// signature and tries it a second time.
contract MandateHandler is Assertions {
    address private constant _RELAYER = address(0x4E1A7E4);
    uint256 private constant _FOREVER = type(uint256).max;

    Handler private immutable _WORLD;
    LeaseEscrow private immutable _ESCROW;
    LeaseEscrow private immutable _TWIN;
    ILeaseMandates private immutable _MANDATES;

    uint256 private _nonce;

    constructor(Handler world) {
        (_WORLD, _ESCROW, _TWIN) = (world, world.escrow(), world.twin());
        _MANDATES = _ESCROW.MANDATES();
    }

    function closeBySig(uint256 seed) external {
        if (_WORLD.count() == 0) return;
        uint256 i = seed % _WORLD.count();
        Handler.Track memory t = _WORLD.track(i);
        Lease memory lease = _ESCROW.leaseOf(t.id);
        if (lease.status == LeaseStatus.Ended || (seed >> 8) % 4 != 0) return;
        uint256 refund = _ESCROW.refundable(t.id);
        uint256 balance = _ESCROW.balanceOf(lease.tenant);
        uint256 nonce = _nonce++;
        bytes memory signature = _sign(
            lease.tenant,
            keccak256(
                abi.encode(
                    keccak256("Close(bytes32 leaseId,address to,uint256 nonce,uint256 deadline)"),
                    t.id,
                    address(0),
                    nonce,
                    _FOREVER
                )
            )
        );
        uint256 breach;
        vm.prank(_RELAYER);
        try _MANDATES.closeBySig(t.id, address(0), nonce, _FOREVER, signature) {
            if (_ESCROW.balanceOf(lease.tenant) != balance + refund) breach = 1;
        } catch {
            breach = 9;
        }
        vm.prank(lease.tenant);
        _TWIN.close(t.twin, address(0));
        _WORLD.note(i, "closeBySig", refund, lease.relay, breach);
    }

    function withdrawBySig(uint256 seed, uint256 amount) external {
        address tenant = _WORLD.tenantAt(seed);
        uint256 balance = _ESCROW.balanceOf(tenant);
        if (balance == 0 || _WORLD.usdc().paused() || _WORLD.usdc().isBlacklisted(address(_ESCROW))) return;
        amount = bound(amount, 1, balance);
        uint256 nonce = _nonce++;
        bytes memory signature = _sign(
            tenant,
            keccak256(
                abi.encode(
                    keccak256(
                        "Withdraw(address account,address to,uint256 amount,uint256 nonce,uint256 deadline)"
                    ),
                    tenant,
                    address(0xF00D),
                    amount,
                    nonce,
                    _FOREVER
                )
            )
        );
        vm.startPrank(_RELAYER);
        _MANDATES.withdrawBySig(tenant, address(0xF00D), amount, nonce, _FOREVER, signature);
        uint256 breach = _ESCROW.balanceOf(tenant) == balance - amount ? 0 : 1;
        try _MANDATES.withdrawBySig(tenant, address(0xF00D), amount, nonce, _FOREVER, signature) {
            breach = 7;
        } catch {} // solhint-disable-line no-empty-blocks
        vm.stopPrank();
        _WORLD.note(type(uint256).max, "withdrawBySig", 0, 0, breach);
    }

    function topUpBySig(uint256 seed, uint256 amount) external {
        if (_WORLD.count() == 0 || _WORLD.closed()) return;
        uint256 i = seed % _WORLD.count();
        Handler.Track memory t = _WORLD.track(i);
        Lease memory lease = _ESCROW.leaseOf(t.id);
        address payer = _WORLD.tenantAt(seed >> 8);
        uint256 balance = _ESCROW.balanceOf(payer);
        if (lease.status == LeaseStatus.Ended || balance < 40_000 || !_canPayTwin(payer)) return;
        uint64 more = uint64(bound(amount, 40_000, balance));
        uint256 nonce = _nonce++;
        bytes memory signature = _sign(
            payer,
            keccak256(
                abi.encode(
                    keccak256(
                        "TopUp(address payer,bytes32 leaseId,uint64 amount,uint256 nonce,uint256 deadline)"
                    ),
                    payer,
                    t.id,
                    more,
                    nonce,
                    _FOREVER
                )
            )
        );
        vm.startPrank(_RELAYER);
        _MANDATES.topUpBySig(payer, t.id, more, nonce, _FOREVER, signature);
        uint256 breach = _ESCROW.balanceOf(payer) == balance - more ? 0 : 1;
        try _MANDATES.topUpBySig(payer, t.id, more, nonce, _FOREVER, signature) {
            breach = 7;
        } catch {} // solhint-disable-line no-empty-blocks
        vm.stopPrank();
        vm.prank(payer);
        _TWIN.topUp(t.twin, more);
        _WORLD.note(i, "topUpBySig", 0, lease.relay, breach);
    }

    /// @notice Out of a wallet that allowed the escrow nothing.
    function topUpWithAuthorization(uint256 seed, uint256 amount) external {
        if (_WORLD.count() == 0 || _WORLD.closed()) return;
        uint256 i = seed % _WORLD.count();
        Handler.Track memory t = _WORLD.track(i);
        Lease memory lease = _ESCROW.leaseOf(t.id);
        address payer = _WORLD.tenantAt(seed >> 8);
        MockUSDC usdc = _WORLD.usdc();
        if (lease.status == LeaseStatus.Ended || usdc.isBlacklisted(address(_ESCROW))) return;
        if (!_canPayTwin(payer)) return;
        uint64 more = uint64(bound(amount, 40_000, 1_000_000));
        uint256 salt = _nonce++;
        bytes memory signature = signedBy(
            _keyOf(payer),
            authorizationDigest(usdc, payer, address(_MANDATES), more, keccak256(abi.encode(t.id, salt)))
        );
        uint256 wallet = usdc.balanceOf(payer);
        vm.startPrank(_RELAYER);
        _MANDATES.topUpWithAuthorization(payer, t.id, more, salt, 0, _FOREVER, signature);
        uint256 breach = usdc.balanceOf(payer) == wallet - more ? 0 : 1;
        try _MANDATES.topUpWithAuthorization(payer, t.id, more, salt, 0, _FOREVER, signature) {
            breach = 7;
        } catch {} // solhint-disable-line no-empty-blocks
        vm.stopPrank();
        vm.prank(payer);
        _TWIN.topUp(t.twin, more);
        _WORLD.note(i, "topUpWithAuthorization", 0, lease.relay, breach);
    }

    function setAutoRenew(uint256 seed, uint64 amount, uint64 budget, uint32 runway) external {
        if (_WORLD.count() == 0) return;
        Handler.Track memory t = _WORLD.track(seed % _WORLD.count());
        ILeaseMandates.Renewal memory renewal = ILeaseMandates.Renewal({
            amount: uint64(bound(amount, 40_000, 200_000)),
            budget: uint64(bound(budget, 0, 1_000_000)),
            runway: runway
        });
        vm.prank(t.terms.tenant);
        _MANDATES.setAutoRenew(t.id, renewal);
    }

    /// @notice Anybody, whenever it goes through: never more than the tenant allows, never more than moved.
    function renew(uint256 seed) external {
        if (_WORLD.count() == 0) return;
        uint256 i = seed % _WORLD.count();
        Handler.Track memory t = _WORLD.track(i);
        address tenant = t.terms.tenant;
        if (_WORLD.usdc().paused() || !_canPayTwin(tenant)) return;
        ILeaseMandates.Renewal memory before = _MANDATES.renewalOf(t.id);
        uint256 left = _ESCROW.runsOutAt(t.id);
        uint256 theirs = _ESCROW.balanceOf(tenant) + _ESCROW.refundable(t.id);
        vm.prank(_RELAYER);
        try _MANDATES.renew(t.id) {
            ILeaseMandates.Renewal memory afterwards = _MANDATES.renewalOf(t.id);
            uint256 breach;
            if (before.budget - afterwards.budget != before.amount) breach = 7;
            if (left > vm.getBlockTimestamp() + before.runway) breach = 7;
            if (_ESCROW.balanceOf(tenant) + _ESCROW.refundable(t.id) < theirs) breach = 7;
            vm.prank(tenant);
            _TWIN.topUp(t.twin, before.amount);
            _WORLD.note(i, "renew", 0, _ESCROW.leaseOf(t.id).relay, breach);
        } catch {} // solhint-disable-line no-empty-blocks
    }

    /// @dev The twin is paid from the wallet, which Circle may have blacklisted. Its own guardian never pauses.
    function _canPayTwin(address payer) private view returns (bool) {
        return !_WORLD.usdc().isBlacklisted(payer) && !_WORLD.usdc().isBlacklisted(address(_TWIN));
    }

    function _sign(address tenant, bytes32 structHash) private view returns (bytes memory) {
        return
            signedBy(
                _keyOf(tenant),
                keccak256(abi.encodePacked(hex"1901", _MANDATES.DOMAIN_SEPARATOR(), structHash))
            );
    }

    function _keyOf(address tenant) private view returns (uint256) {
        for (uint256 i = 0; i < 3; ++i) {
            if (_WORLD.tenantAt(i) == tenant) return _WORLD.keyAt(i);
        }
        revert("not a tenant");
    }
}
