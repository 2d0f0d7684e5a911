// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import { ILeaseEscrow } from "../../../contracts/src/interfaces/ILeaseEscrow.sol";
import { ILeaseMandates } from "../../../contracts/src/interfaces/ILeaseMandates.sol";
import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { LeaseAccess } from "../../../contracts/src/LeaseAccess.sol";
import { LeaseEscrow } from "../../../contracts/src/LeaseEscrow.sol";
import { Errors } from "../../../contracts/src/libraries/Errors.sol";
import { SatelliteErrors } from "../../../contracts/src/libraries/SatelliteErrors.sol";
import { Terms } from "../../../contracts/src/types/DataTypes.sol";
import { authorizationDigest, signedBy } from "../support/Authorization.sol";
import { deploy } from "../support/Deploy.sol";
import { vm } from "../support/Vm.sol";
import { vmEvents } from "../support/VmEvents.sol";
import { LessonFixture } from "./LessonFixture.sol";
import { NaiveAuthorization, NaiveIds, NaiveManifest, NaivePermit, NaiveSignature } from "./NaiveSigning.sol";

/// @notice How a signature, an id or a separate step was turned against its owner: first on a naive contract, then on the
/// escrow.
contract SigningLessonsTest is LessonFixture {
    uint256 private constant _EVER = type(uint256).max;
    address private constant _TO = address(0xF2);

    /// @notice A permit was taken from the mempool and used first, and the deposit it came with failed.
    function test_permitFrontRun_stopsNobody() external {
        NaivePermit naive = new NaivePermit(IERC20(address(usdc)));
        (uint8 v, bytes32 r, bytes32 s) = _permit(address(naive));
        vm.prank(STRANGER);
        usdc.permit(tenant, address(naive), DEPOSIT, _EVER, v, r, s);
        vm.prank(tenant);
        vm.expectRevert("EIP2612: invalid signature");
        naive.depositWithPermit(DEPOSIT, _EVER, v, r, s);

        vm.prank(tenant);
        usdc.approve(address(escrow), 0);
        (v, r, s) = _permit(address(escrow));
        vm.prank(STRANGER);
        usdc.permit(tenant, address(escrow), DEPOSIT, _EVER, v, r, s);
        vm.prank(tenant);
        bytes32 leaseId = escrow.openWithPermit(terms(), "", _EVER, v, r, s);
        assertEq(escrow.leaseOf(leaseId).deposited, DEPOSIT, "opened all the same");
    }

    /// @notice One signature was used again, on a copy of the contract, and on another chain.
    function test_signature_isGoodOnceHereAlone() external {
        NaiveSignature naive = new NaiveSignature(IERC20(address(usdc)));
        NaiveSignature copy = new NaiveSignature(IERC20(address(usdc)));
        payIn(naive, 3 * PRICE);
        payIn(copy, PRICE);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(TENANT_KEY, keccak256(abi.encode(_TO, PRICE)));
        uint256 here = block.chainid;
        naive.withdrawBySig(_TO, PRICE, v, r, s);
        naive.withdrawBySig(_TO, PRICE, v, r, s);
        copy.withdrawBySig(_TO, PRICE, v, r, s);
        vm.chainId(137);
        naive.withdrawBySig(_TO, PRICE, v, r, s);
        vm.chainId(here);
        assertEq(usdc.balanceOf(_TO), 4 * PRICE, "naive: four times for one signature");

        LeaseEscrow other = newEscrow(INodeRegistry(address(registry)));
        vm.startPrank(tenant);
        usdc.approve(address(other), PRICE);
        other.deposit(PRICE);
        escrow.deposit(3 * PRICE);
        vm.stopPrank();
        ILeaseMandates mandates = escrow.MANDATES();
        ILeaseMandates others = other.MANDATES();
        bytes memory signature = _withdrawal(mandates, 7);
        bytes memory bad = abi.encodeWithSelector(Errors.LeaseMandates_BadSignature.selector, tenant);
        vm.chainId(137);
        vm.expectRevert(bad);
        mandates.withdrawBySig(tenant, _TO, PRICE, 7, _EVER, signature);
        vm.chainId(here);
        vm.expectRevert(bad);
        others.withdrawBySig(tenant, _TO, PRICE, 7, _EVER, signature);
        vm.expectRevert(bad);
        mandates.withdrawBySig(tenant, STRANGER, PRICE, 7, _EVER, signature);
        mandates.withdrawBySig(tenant, _TO, PRICE, 7, _EVER, signature);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseMandates_NonceUsed.selector, tenant, 7));
        mandates.withdrawBySig(tenant, _TO, PRICE, 7, _EVER, signature);
        vm.expectRevert(bad);
        mandates.withdrawBySig(tenant, _TO, PRICE, 8, _EVER, signature);
        assertEq(usdc.balanceOf(_TO), 5 * PRICE, "once");
    }

    /// @notice A relayer took the tenant's authorization and opened a lease of its own choosing with it.
    function test_authorization_fitsItsTermsAlone() external {
        NaiveAuthorization naive = new NaiveAuthorization(IERC20(address(usdc)));
        bytes memory signature = _authorization(address(naive), "nonce");
        vm.prank(STRANGER);
        naive.open(tenant, 666, DEPOSIT, "nonce", signature);
        assertEq(naive.nodeOf("nonce"), 666, "naive: on the relayer's node");

        Terms memory asked = terms();
        bytes32 leaseId = escrow.leaseIdOf(asked);
        signature = _authorization(address(escrow), leaseId);
        Terms memory other = terms();
        other.maxPricePerHour += 1;
        vm.startPrank(STRANGER);
        vm.expectRevert("FiatTokenV2: invalid signature");
        escrow.openWithAuthorization(other, "", 0, _EVER, signature);
        other = terms();
        other.manifestHash = "another";
        vm.expectRevert("FiatTokenV2: invalid signature");
        escrow.openWithAuthorization(other, "", 0, _EVER, signature);
        vm.expectRevert("FiatTokenV2: caller must be the payee");
        usdc.receiveWithAuthorization(tenant, address(escrow), DEPOSIT, 0, _EVER, leaseId, signature);
        escrow.openWithAuthorization(asked, "", 0, _EVER, signature);
        vm.stopPrank();
        assertTrue(escrow.leaseOf(leaseId).tenant == tenant, "for its terms, by anybody");
    }

    /// @notice Ids were numbers in a row: somebody came first, and the tenant paid into the lease of another.
    function test_leaseId_cannotBeShifted() external {
        NaiveIds naive = new NaiveIds(IERC20(address(usdc)));
        uint256 expected = naive.count() + 1;
        vm.prank(STRANGER);
        naive.open();
        vm.startPrank(tenant);
        naive.open();
        usdc.approve(address(naive), DEPOSIT);
        naive.topUp(expected, DEPOSIT);
        vm.stopPrank();
        vm.prank(STRANGER);
        naive.close(expected);
        assertEq(usdc.balanceOf(STRANGER), DEPOSIT, "naive: the tenant's money");

        Terms memory asked = terms();
        bytes32 leaseId = escrow.leaseIdOf(asked);
        Terms memory own = terms();
        own.tenant = STRANGER;
        vm.startPrank(STRANGER);
        usdc.approve(address(escrow), DEPOSIT);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.LeaseEscrow_NotTenant.selector, leaseId, tenant, STRANGER)
        );
        escrow.open(asked, "");
        bytes32 first = escrow.open(own, "");
        vm.stopPrank();
        assertTrue(opened(asked) == leaseId && first != leaseId, "whoever comes first");
        vm.prank(tenant);
        escrow.topUp(leaseId, 1000);
        assertEq(escrow.leaseOf(leaseId).deposited, DEPOSIT + 1000, "into the tenant's own");
        assertEq(escrow.leaseOf(first).deposited, DEPOSIT, "and not the other");
    }

    /// @notice The manifest came in a second transaction, which anybody could send or which never arrived.
    function test_manifest_comesWithTheLeaseAndIsItsOwn() external {
        NaiveManifest naive = new NaiveManifest();
        vm.prank(tenant);
        naive.post(1, "web server");
        vm.prank(STRANGER);
        naive.post(1, "miner");
        assertTrue(keccak256(naive.manifestOf(1)) == keccak256("miner"), "naive: the stranger's");

        Terms memory asked = terms();
        Terms memory other = terms();
        other.manifestHash = keccak256("miner");
        bytes32 leaseId = escrow.leaseIdOf(asked);
        assertTrue(leaseId != escrow.leaseIdOf(other), "another manifest is another lease");
        vmEvents.expectEmit(address(escrow));
        emit ILeaseEscrow.LeaseRequested(leaseId, tenant, asked, "sealed");
        vm.prank(tenant);
        escrow.open(asked, "sealed");
        LeaseAccess access = LeaseAccess(deploy("LeaseAccess", abi.encode(escrow)));
        vm.prank(STRANGER);
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.LeaseAccess_NotTenant.selector, leaseId, tenant, STRANGER)
        );
        access.postManifest(leaseId, 1, keccak256("miner"), "miner");
    }

    // ------------------------------------------------------------------------------------------------ helpers

    function _permit(address spender) private view returns (uint8 v, bytes32 r, bytes32 s) {
        bytes32 structHash = keccak256(
            abi.encode(usdc.PERMIT_TYPEHASH(), tenant, spender, uint256(DEPOSIT), usdc.nonces(tenant), _EVER)
        );
        return vm.sign(TENANT_KEY, _digest(usdc.DOMAIN_SEPARATOR(), structHash));
    }

    function _authorization(address payee, bytes32 nonce) private view returns (bytes memory) {
        return signedBy(TENANT_KEY, authorizationDigest(usdc, tenant, payee, DEPOSIT, nonce));
    }

    function _withdrawal(ILeaseMandates mandates, uint256 nonce) private view returns (bytes memory) {
        bytes32 typehash = keccak256(
            "Withdraw(address account,address to,uint256 amount,uint256 nonce,uint256 deadline)"
        );
        bytes32 structHash = keccak256(abi.encode(typehash, tenant, _TO, PRICE, nonce, _EVER));
        return signedBy(TENANT_KEY, _digest(mandates.DOMAIN_SEPARATOR(), structHash));
    }

    function _digest(bytes32 domain, bytes32 structHash) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }
}
