// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ILeaseEscrow } from "../../../contracts/src/interfaces/ILeaseEscrow.sol";
import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { ILeaseMandates } from "../../../contracts/src/interfaces/ILeaseMandates.sol";
import { LeaseDesk } from "../../../contracts/src/LeaseDesk.sol";
import { LeaseEscrow } from "../../../contracts/src/LeaseEscrow.sol";
import { Errors } from "../../../contracts/src/libraries/Errors.sol";
import { EndReason, LeaseStatus, Terms } from "../../../contracts/src/types/DataTypes.sol";
import { authorizationDigest, signedBy } from "../support/Authorization.sol";
import { Fixture } from "../support/Fixture.sol";
import { StubRegistry } from "../support/StubRegistry.sol";
import { vm } from "../support/Vm.sol";
import { vmEvents } from "../support/VmEvents.sol";
import { Wallet } from "../support/Wallet.sol";

/// @notice Behaviour by behaviour, as listed in LeaseMandates.tree.
contract LeaseMandatesTest is Fixture {
    uint256 internal constant FOREVER = type(uint256).max;
    address internal constant GUARDIAN = address(0xD12);
    address internal constant PAYOUT = address(0xF00D);
    ILeaseMandates internal mandates;
    LeaseDesk internal desk;

    function setUp() public override {
        super.setUp();
        _use(escrow);
    }

    // ------------------------------------------------------------------------------------------------ close

    function test_closeBySig_refundsAsTheTenantSaid() external {
        bytes32 leaseId = activated(terms());
        forward(1 hours);
        bytes memory signature = _sign(TENANT_KEY, _close(leaseId, PAYOUT, 7, FOREVER));
        vm.prank(STRANGER);
        mandates.closeBySig(leaseId, PAYOUT, 7, FOREVER, signature);
        assertTrue(escrow.leaseOf(leaseId).endReason == EndReason.ClosedByTenant, "reason");
        assertEq(usdc.balanceOf(PAYOUT), DEPOSIT - PRICE, "refund");
        assertTrue(mandates.isNonceUsed(tenant, 7), "nonce");
        assertTrue(!mandates.isNonceUsed(tenant, 6) && !mandates.isNonceUsed(STRANGER, 7), "no other");
    }

    function test_closeBySig_byAContractWallet() external {
        Terms memory asked = terms();
        asked.tenant = address(new Wallet(tenant));
        fund(asked.tenant, DEPOSIT);
        bytes32 leaseId = opened(asked);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(
            TENANT_KEY,
            _digest(_close(leaseId, address(0), 0, FOREVER))
        );
        mandates.closeBySig(leaseId, address(0), 0, FOREVER, abi.encode(r, s, v));
        assertEq(escrow.balanceOf(asked.tenant), DEPOSIT, "refund");
    }

    function test_closeBySig_isTheTenantsAlone() external {
        bytes32 leaseId = opened(terms());
        bytes memory signature = _sign(0xBAD, _close(leaseId, PAYOUT, 0, FOREVER));
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseMandates_BadSignature.selector, tenant));
        mandates.closeBySig(leaseId, PAYOUT, 0, FOREVER, signature);
        bytes32 unknown = keccak256("unknown");
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseMandates_BadSignature.selector, address(0)));
        mandates.closeBySig(unknown, PAYOUT, 0, FOREVER, new bytes(65));
    }

    function test_closeBySig_inTheWorstOfWorlds() external {
        StubRegistry stub = new StubRegistry();
        stub.setOffer(node, registry.offer(node));
        _use(newEscrow(INodeRegistry(address(stub))));
        fund(tenant, 0);
        bytes32 leaseId = activated(terms());
        stub.setBricked(true);
        _pause();
        vm.prank(OWNER);
        usdc.pause();
        mandates.closeBySig(
            leaseId,
            PAYOUT,
            0,
            FOREVER,
            _sign(TENANT_KEY, _close(leaseId, PAYOUT, 0, FOREVER))
        );
        assertEq(escrow.balanceOf(tenant), DEPOSIT - (PRICE * 60) / 3600, "all but the minimum, inside");
    }

    // ------------------------------------------------------------------------------------------------ top up, withdraw

    function test_topUpBySig_paysFromThePayersBalance() external {
        bytes32 leaseId = activated(terms());
        _deposit(5000);
        bytes memory signature = _sign(TENANT_KEY, _topUp(tenant, leaseId, 5000, 1, FOREVER));
        _pause();
        vm.expectRevert(abi.encodeWithSelector(Errors.Guard_Paused.selector, desk.pausedUntil()));
        mandates.topUpBySig(tenant, leaseId, 5000, 1, FOREVER, signature);
        vm.prank(GUARDIAN);
        desk.unpause();
        mandates.topUpBySig(tenant, leaseId, 5000, 1, FOREVER, signature);
        assertEq(escrow.leaseOf(leaseId).deposited, DEPOSIT + 5000, "deposited");
        assertEq(escrow.balanceOf(tenant), 0, "balance");
    }

    function test_topUpWithAuthorization_paysFromThePayersWallet() external {
        bytes32 leaseId = activated(terms());
        bytes memory signature = _authorize(leaseId, 5000, 1);
        uint256 wallet = usdc.balanceOf(tenant);
        _pause();
        vm.expectRevert(abi.encodeWithSelector(Errors.Guard_Paused.selector, desk.pausedUntil()));
        mandates.topUpWithAuthorization(tenant, leaseId, 5000, 1, 0, FOREVER, signature);
        vm.prank(GUARDIAN);
        desk.unpause();
        vm.prank(tenant);
        usdc.approve(address(escrow), 0);
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.LeaseToppedUp({
            leaseId: leaseId,
            payer: tenant,
            deposited: DEPOSIT + 5000,
            startedAt: uint40(vm.getBlockTimestamp())
        });
        vm.prank(STRANGER);
        mandates.topUpWithAuthorization(tenant, leaseId, 5000, 1, 0, FOREVER, signature);
        assertEq(escrow.leaseOf(leaseId).deposited, DEPOSIT + 5000, "deposited");
        assertEq(usdc.balanceOf(tenant), wallet - 5000, "wallet");
        assertEq(usdc.balanceOf(address(escrow)), DEPOSIT + 5000, "all of it in the escrow");
        assertEq(usdc.balanceOf(address(mandates)), 0, "nothing on the way");
        vm.expectRevert();
        mandates.topUpWithAuthorization(tenant, leaseId, 5000, 1, 0, FOREVER, signature);
        signature = _authorize(leaseId, 5000, 2);
        mandates.topUpWithAuthorization(tenant, leaseId, 5000, 2, 0, FOREVER, signature);
        assertEq(escrow.leaseOf(leaseId).deposited, DEPOSIT + 10_000, "an equal payment with another salt");
    }

    function test_topUpWithAuthorization_byAContractWallet() external {
        bytes32 leaseId = activated(terms());
        address wallet = address(new Wallet(tenant));
        fund(wallet, 5000);
        bytes32 digest = authorizationDigest(
            usdc,
            wallet,
            address(mandates),
            5000,
            keccak256(abi.encode(leaseId, uint256(0)))
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(TENANT_KEY, digest);
        mandates.topUpWithAuthorization(wallet, leaseId, 5000, 0, 0, FOREVER, abi.encode(r, s, v));
        assertEq(escrow.leaseOf(leaseId).deposited, DEPOSIT + 5000, "deposited");
        assertEq(usdc.balanceOf(wallet), 0, "paid");
    }

    function test_topUpWithAuthorization_isForOneLeaseAndOneSum() external {
        bytes32 leaseId = activated(terms());
        Terms memory asked = terms();
        asked.salt = bytes32(uint256(1));
        bytes32 other = activated(asked);
        bytes memory signature = _authorize(leaseId, 5000, 1);
        vm.startPrank(STRANGER);
        vm.expectRevert();
        mandates.topUpWithAuthorization(tenant, other, 5000, 1, 0, FOREVER, signature);
        vm.expectRevert();
        mandates.topUpWithAuthorization(tenant, leaseId, 5001, 1, 0, FOREVER, signature);
        vm.expectRevert();
        mandates.topUpWithAuthorization(tenant, leaseId, 5000, 2, 0, FOREVER, signature);
        // Nor can it be taken out of the tenant's wallet past the lease.
        bytes32 nonce = keccak256(abi.encode(leaseId, uint256(1)));
        vm.expectRevert();
        usdc.receiveWithAuthorization(tenant, address(mandates), 5000, 0, FOREVER, nonce, signature);
        vm.stopPrank();
        mandates.topUpWithAuthorization(tenant, leaseId, 5000, 1, 0, FOREVER, signature);
    }

    /// @dev The lease refuses: the money has not moved, and the signature is good for another day.
    function test_topUpWithAuthorization_takesNothingForALeaseThatIsOver() external {
        bytes32 leaseId = activated(terms());
        bytes memory signature = _authorize(leaseId, 5000, 1);
        uint256 wallet = usdc.balanceOf(tenant);
        vm.prank(tenant);
        escrow.close(leaseId, address(0));
        vm.expectRevert(
            abi.encodeWithSelector(Errors.LeaseEscrow_WrongStatus.selector, leaseId, LeaseStatus.Ended)
        );
        mandates.topUpWithAuthorization(tenant, leaseId, 5000, 1, 0, FOREVER, signature);
        assertEq(usdc.balanceOf(tenant), wallet, "wallet");
        assertTrue(!usdc.authorizationState(tenant, keccak256(abi.encode(leaseId, uint256(1)))), "not used");
    }

    function test_withdrawBySig_sendsWhereTheAccountSaid() external {
        _deposit(5000);
        bytes memory signature = _sign(TENANT_KEY, _withdraw(tenant, PAYOUT, 3000, 2, FOREVER));
        mandates.withdrawBySig(tenant, PAYOUT, 3000, 2, FOREVER, signature);
        assertEq(usdc.balanceOf(PAYOUT), 3000, "sent");
        assertEq(escrow.balanceOf(tenant), 2000, "left");
    }

    function test_withdrawBySig_isForOneAccount() external {
        address wallet = address(new Wallet(tenant));
        fund(wallet, 1000);
        vm.prank(wallet);
        escrow.deposit(1000);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(
            TENANT_KEY,
            _digest(_withdraw(tenant, PAYOUT, 1000, 3, FOREVER))
        );
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseMandates_BadSignature.selector, wallet));
        mandates.withdrawBySig(wallet, PAYOUT, 1000, 3, FOREVER, abi.encode(r, s, v));
    }

    // ------------------------------------------------------------------------------------------------ every signature

    function test_signature_untilItsDeadline() external {
        _deposit(1000);
        uint256 deadline = vm.getBlockTimestamp();
        bytes memory signature = _sign(TENANT_KEY, _withdraw(tenant, PAYOUT, 500, 0, deadline));
        forward(1);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseMandates_Expired.selector, deadline));
        mandates.withdrawBySig(tenant, PAYOUT, 500, 0, deadline, signature);
        vm.warp(deadline);
        mandates.withdrawBySig(tenant, PAYOUT, 500, 0, deadline, signature);
    }

    function test_nonce_onceInAnyOrderOrCancelled() external {
        _deposit(1000);
        bytes memory late = _sign(TENANT_KEY, _withdraw(tenant, PAYOUT, 1, 1000, FOREVER));
        bytes memory early = _sign(TENANT_KEY, _withdraw(tenant, PAYOUT, 1, 3, FOREVER));
        mandates.withdrawBySig(tenant, PAYOUT, 1, 1000, FOREVER, late);
        mandates.withdrawBySig(tenant, PAYOUT, 1, 3, FOREVER, early);
        vm.expectRevert(_nonceUsed(3));
        mandates.withdrawBySig(tenant, PAYOUT, 1, 3, FOREVER, early);
        bytes memory cancelled = _sign(TENANT_KEY, _withdraw(tenant, PAYOUT, 1, 4, FOREVER));
        vm.prank(tenant);
        mandates.cancelNonce(4);
        vm.expectRevert(_nonceUsed(4));
        mandates.withdrawBySig(tenant, PAYOUT, 1, 4, FOREVER, cancelled);
        vm.prank(tenant);
        vm.expectRevert(_nonceUsed(4));
        mandates.cancelNonce(4);
    }

    function test_signature_coversEveryFigure() external {
        bytes32 leaseId = activated(terms());
        _deposit(10_000);
        bytes memory bad = abi.encodeWithSelector(Errors.LeaseMandates_BadSignature.selector, tenant);
        bytes memory signature = _sign(TENANT_KEY, _withdraw(tenant, PAYOUT, 500, 0, FOREVER));
        vm.expectRevert(bad);
        mandates.withdrawBySig(tenant, STRANGER, 500, 0, FOREVER, signature);
        vm.expectRevert(bad);
        mandates.withdrawBySig(tenant, PAYOUT, 501, 0, FOREVER, signature);
        vm.expectRevert(bad);
        mandates.withdrawBySig(tenant, PAYOUT, 500, 1, FOREVER, signature);
        vm.expectRevert(bad);
        mandates.withdrawBySig(tenant, PAYOUT, 500, 0, FOREVER - 1, signature);
        signature = _sign(TENANT_KEY, _topUp(tenant, leaseId, 500, 0, FOREVER));
        vm.expectRevert(bad);
        mandates.topUpBySig(tenant, leaseId, 501, 0, FOREVER, signature);
        signature = _sign(TENANT_KEY, _close(leaseId, PAYOUT, 0, FOREVER));
        vm.expectRevert(bad);
        mandates.closeBySig(leaseId, STRANGER, 0, FOREVER, signature);
    }

    function test_signature_isForOneChainAndOneEscrow() external {
        _deposit(1000);
        bytes memory signature = _sign(TENANT_KEY, _withdraw(tenant, PAYOUT, 500, 0, FOREVER));
        vm.chainId(137);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseMandates_BadSignature.selector, tenant));
        mandates.withdrawBySig(tenant, PAYOUT, 500, 0, FOREVER, signature);
        vm.chainId(31_337);
        ILeaseMandates others = newEscrow(INodeRegistry(address(registry))).MANDATES();
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseMandates_BadSignature.selector, tenant));
        others.withdrawBySig(tenant, PAYOUT, 500, 0, FOREVER, signature);
        mandates.withdrawBySig(tenant, PAYOUT, 500, 0, FOREVER, signature);
    }

    // ------------------------------------------------------------------------------------------------ renewal

    function test_setAutoRenew_isTheTenantsAlone() external {
        bytes32 leaseId = activated(terms());
        ILeaseMandates.Renewal memory renewal = _renewal(1, 2, 3);
        vm.prank(STRANGER);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.LeaseEscrow_NotTenant.selector, leaseId, tenant, STRANGER)
        );
        mandates.setAutoRenew(leaseId, renewal);
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "AutoRenew(bytes32 leaseId,uint64 amount,uint64 budget,uint32 runway,uint256 nonce,uint256 deadline)"
                ),
                leaseId,
                uint64(1),
                uint64(2),
                uint32(3),
                uint256(9),
                FOREVER
            )
        );
        bytes memory forged = _sign(0xBAD, structHash);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseMandates_BadSignature.selector, tenant));
        mandates.setAutoRenewBySig(leaseId, renewal, 9, FOREVER, forged);
        mandates.setAutoRenewBySig(leaseId, renewal, 9, FOREVER, _sign(TENANT_KEY, structHash));
        ILeaseMandates.Renewal memory set = mandates.renewalOf(leaseId);
        assertEq(set.amount, 1, "amount");
        assertEq(set.budget, 2, "budget");
        assertEq(set.runway, 3, "runway");
    }

    function test_renew_atTheRunwayAndAfterDepletionInsideTheBudget() external {
        Terms memory asked = terms();
        // Ten hours.
        asked.deposit = uint64(10 * PRICE);
        bytes32 leaseId = activated(asked);
        uint256 startedAt = vm.getBlockTimestamp();
        _deposit(10 * PRICE);
        vm.prank(tenant);
        mandates.setAutoRenew(leaseId, _renewal(uint64(2 * PRICE), uint64(5 * PRICE), 1 hours));
        vm.warp(startedAt + 9 hours - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                Errors.LeaseMandates_NotRenewableYet.selector,
                leaseId,
                startedAt + 9 hours
            )
        );
        mandates.renew(leaseId);
        forward(1);
        _pause();
        vm.prank(STRANGER);
        mandates.renew(leaseId);
        assertEq(escrow.runsOutAt(leaseId), startedAt + 12 hours, "two hours more");
        assertEq(escrow.balanceOf(tenant), 8 * PRICE, "from the balance");
        assertEq(mandates.renewalOf(leaseId).budget, 3 * PRICE, "budget");
        vm.warp(startedAt + 20 hours);
        mandates.renew(leaseId);
        assertEq(escrow.runsOutAt(leaseId), startedAt + 22 hours, "the gap is on nobody's bill");
        forward(2 hours);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.LeaseMandates_RenewalSpent.selector, leaseId, 2 * PRICE, PRICE)
        );
        mandates.renew(leaseId);
    }

    function test_renew_onlyWhatIsAllowedAndWhileActive() external {
        Terms memory asked = terms();
        bytes32 leaseId = opened(asked);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseMandates_RenewalSpent.selector, leaseId, 0, 0));
        mandates.renew(leaseId);
        vm.prank(tenant);
        mandates.setAutoRenew(leaseId, _renewal(1000, 1000, type(uint32).max));
        vm.expectRevert(
            abi.encodeWithSelector(Errors.LeaseEscrow_WrongStatus.selector, leaseId, LeaseStatus.Assigned)
        );
        mandates.renew(leaseId);
        vm.prank(AGENT);
        escrow.activate(leaseId, FINGERPRINT);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Ledger_BalanceTooLow.selector, tenant, uint256(0), uint256(1000))
        );
        mandates.renew(leaseId);
        assertEq(mandates.renewalOf(leaseId).budget, 1000, "nothing was spent");
        _deposit(1000);
        mandates.renew(leaseId);
        assertEq(mandates.renewalOf(leaseId).budget, 0, "spent to the last unit");
    }

    // ------------------------------------------------------------------------------------------------ the escrow

    function test_escrow_actsForAnAccountOnItsMandatesWordAlone() external {
        bytes32 leaseId = activated(terms());
        _deposit(1000);
        address[3] memory callers = [tenant, OWNER, STRANGER];
        for (uint256 i = 0; i < 3; ++i) {
            bytes memory refusal = abi.encodeWithSelector(Errors.Ledger_NotMandates.selector, callers[i]);
            vm.startPrank(callers[i]);
            vm.expectRevert(refusal);
            escrow.topUpFor(tenant, leaseId, 1000, i == 0);
            vm.expectRevert(refusal);
            escrow.withdrawFor(tenant, PAYOUT, 1000);
            vm.stopPrank();
        }
    }

    // ------------------------------------------------------------------------------------------------ helpers

    function _use(LeaseEscrow which) private {
        escrow = which;
        (mandates, desk) = (escrow.MANDATES(), LeaseDesk(address(escrow.DESK())));
        vm.prank(OWNER);
        desk.setGuardian(GUARDIAN);
    }

    function _pause() private {
        vm.prank(GUARDIAN);
        desk.pause();
    }

    function _deposit(uint256 amount) private {
        vm.prank(tenant);
        escrow.deposit(amount);
    }

    function _authorize(bytes32 leaseId, uint256 amount, uint256 salt) private view returns (bytes memory) {
        bytes32 nonce = keccak256(abi.encode(leaseId, salt));
        return signedBy(TENANT_KEY, authorizationDigest(usdc, tenant, address(mandates), amount, nonce));
    }

    function _renewal(
        uint64 amount,
        uint64 budget,
        uint32 runway
    ) private pure returns (ILeaseMandates.Renewal memory) {
        return ILeaseMandates.Renewal({ amount: amount, budget: budget, runway: runway });
    }

    function _close(
        bytes32 leaseId,
        address to,
        uint256 nonce,
        uint256 deadline
    ) private pure returns (bytes32) {
        bytes32 typehash = keccak256("Close(bytes32 leaseId,address to,uint256 nonce,uint256 deadline)");
        return keccak256(abi.encode(typehash, leaseId, to, nonce, deadline));
    }

    function _topUp(
        address payer,
        bytes32 leaseId,
        uint64 amount,
        uint256 nonce,
        uint256 deadline
    ) private pure returns (bytes32) {
        bytes32 typehash = keccak256(
            "TopUp(address payer,bytes32 leaseId,uint64 amount,uint256 nonce,uint256 deadline)"
        );
        return keccak256(abi.encode(typehash, payer, leaseId, amount, nonce, deadline));
    }

    function _withdraw(
        address account,
        address to,
        uint256 amount,
        uint256 nonce,
        uint256 deadline
    ) private pure returns (bytes32) {
        bytes32 typehash = keccak256(
            "Withdraw(address account,address to,uint256 amount,uint256 nonce,uint256 deadline)"
        );
        return keccak256(abi.encode(typehash, account, to, amount, nonce, deadline));
    }

    /// @dev The domain by hand, for this chain and this contract.
    function _digest(bytes32 structHash) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("DeCloud LeaseMandates"),
                keccak256("1"),
                block.chainid,
                address(mandates)
            )
        );
        assertTrue(domain == mandates.DOMAIN_SEPARATOR(), "domain");
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    function _sign(uint256 key, bytes32 structHash) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, _digest(structHash));
        return abi.encodePacked(r, s, v);
    }

    function _nonceUsed(uint256 nonce) private view returns (bytes memory) {
        return abi.encodeWithSelector(Errors.LeaseMandates_NonceUsed.selector, tenant, nonce);
    }
}
