// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ILeaseAccess } from "../../../contracts/src/interfaces/ILeaseAccess.sol";
import { LeaseAccess } from "../../../contracts/src/LeaseAccess.sol";
import { SatelliteErrors } from "../../../contracts/src/libraries/SatelliteErrors.sol";
import { LeaseStatus, Terms } from "../../../contracts/src/types/DataTypes.sol";
import { deploy } from "../support/Deploy.sol";
import { Fixture } from "../support/Fixture.sol";
import { vm } from "../support/Vm.sol";
import { vmEvents } from "../support/VmEvents.sol";

/// @notice LeaseAccess on leases of the real escrow, as listed in LeaseAccess.tree.
contract LeaseAccessTest is Fixture {
    address internal constant ALICE = address(0xA11CE);
    address internal constant BOB = address(0xB0B);

    LeaseAccess internal access;
    bytes32 internal lease;

    function setUp() public override {
        super.setUp();
        access = LeaseAccess(deploy("LeaseAccess", abi.encode(escrow)));
        lease = opened(terms());
    }

    function test_grant_givesAndChangesALevel() external {
        vm.prank(tenant);
        vmEvents.expectEmit(address(access));
        emit ILeaseAccess.AccessChanged({ leaseId: lease, account: ALICE, level: ILeaseAccess.Level.Viewer });
        access.grant(lease, ALICE, ILeaseAccess.Level.Viewer);
        _assertLevel(ALICE, ILeaseAccess.Level.Viewer);
        vm.prank(AGENT);
        escrow.activate(lease, FINGERPRINT);
        _grant(ALICE, ILeaseAccess.Level.User);
        _grant(BOB, ILeaseAccess.Level.Manager);
        _assertLevel(ALICE, ILeaseAccess.Level.User);
        _assertLevel(BOB, ILeaseAccess.Level.Manager);
        _assertLevel(STRANGER, ILeaseAccess.Level.None);
        _assertLevel(address(0), ILeaseAccess.Level.None);
        assertEq(access.collaboratorsOf(lease).length, 2, "collaborators");
    }

    function test_grant_isTheTenantsOfALiveLease() external {
        _grant(BOB, ILeaseAccess.Level.Manager);
        _expectNotTenant(BOB);
        access.grant(lease, BOB, ILeaseAccess.Level.Manager);
        _expectNotTenant(OPERATOR);
        access.grant(lease, OPERATOR, ILeaseAccess.Level.User);
        _expectNotLive(keccak256("unknown"), LeaseStatus.None);
        access.grant(keccak256("unknown"), ALICE, ILeaseAccess.Level.User);
        vm.prank(tenant);
        escrow.close(lease, tenant);
        _expectNotLive(lease, LeaseStatus.Ended);
        access.grant(lease, ALICE, ILeaseAccess.Level.User);
    }

    function test_grant_refusesNobodyTheTenantAndNoLevel() external {
        address[2] memory bad = [address(0), tenant];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.prank(tenant);
            vm.expectRevert(
                abi.encodeWithSelector(SatelliteErrors.LeaseAccess_BadCollaborator.selector, lease, bad[i])
            );
            access.grant(lease, bad[i], ILeaseAccess.Level.User);
        }
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(SatelliteErrors.LeaseAccess_NoLevel.selector, lease, ALICE));
        access.grant(lease, ALICE, ILeaseAccess.Level.None);
    }

    function test_grant_holdsFourteen() external {
        for (uint160 i = 1; i <= 14; ++i) _grant(address(0x1000 + i), ILeaseAccess.Level.User);
        vm.prank(tenant);
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.LeaseAccess_TooManyCollaborators.selector, lease, 14)
        );
        access.grant(lease, ALICE, ILeaseAccess.Level.User);
        _grant(address(0x100E), ILeaseAccess.Level.Viewer);
        _assertLevel(address(0x100E), ILeaseAccess.Level.Viewer);
        vm.prank(tenant);
        access.revoke(lease, address(0x1001));
        _grant(ALICE, ILeaseAccess.Level.User);
        assertEq(access.collaboratorsOf(lease).length, 14, "collaborators");
    }

    function test_revoke_takesOneLevelAndNoOther() external {
        address[3] memory accounts = [ALICE, BOB, STRANGER];
        for (uint256 gone = 0; gone < 3; ++gone) {
            for (uint256 i = 0; i < 3; ++i) _grant(accounts[i], ILeaseAccess.Level.User);
            vm.prank(tenant);
            vmEvents.expectEmit(address(access));
            emit ILeaseAccess.AccessChanged({
                leaseId: lease,
                account: accounts[gone],
                level: ILeaseAccess.Level.None
            });
            access.revoke(lease, accounts[gone]);
            assertEq(access.collaboratorsOf(lease).length, 2, "collaborators");
            for (uint256 i = 0; i < 3; ++i) {
                _assertLevel(accounts[i], i == gone ? ILeaseAccess.Level.None : ILeaseAccess.Level.User);
            }
        }
    }

    function test_revoke_isTheTenantsOfALiveLease() external {
        _grant(ALICE, ILeaseAccess.Level.Manager);
        _grant(BOB, ILeaseAccess.Level.User);
        _expectNotTenant(ALICE);
        access.revoke(lease, BOB);
        vm.prank(tenant);
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.LeaseAccess_NotCollaborator.selector, lease, STRANGER)
        );
        access.revoke(lease, STRANGER);
        vm.prank(tenant);
        escrow.close(lease, tenant);
        _expectNotLive(lease, LeaseStatus.Ended);
        access.revoke(lease, BOB);
    }

    function test_access_endsWithTheLease() external {
        _grant(ALICE, ILeaseAccess.Level.User);
        _assertLevel(tenant, ILeaseAccess.Level.Manager);
        vm.prank(tenant);
        escrow.close(lease, tenant);
        _assertLevel(ALICE, ILeaseAccess.Level.None);
        _assertLevel(tenant, ILeaseAccess.Level.None);
        assertEq(access.collaboratorsOf(lease).length, 0, "collaborators");
    }

    function test_access_isOfOneLease() external {
        bytes32 first = lease;
        _grant(ALICE, ILeaseAccess.Level.User);
        lease = _another();
        _assertLevel(ALICE, ILeaseAccess.Level.None);
        assertTrue(access.levelOf(first, ALICE) == ILeaseAccess.Level.User, "first");
    }

    function test_order_isAnEventOfTheTenantOrAManager() external {
        _grant(ALICE, ILeaseAccess.Level.Manager);
        address[2] memory callers = [tenant, ALICE];
        for (uint256 i = 0; i < callers.length; ++i) {
            for (uint8 action = 1; action <= uint8(type(ILeaseAccess.Order).max); ++action) {
                vm.prank(callers[i]);
                vmEvents.expectEmit(address(access));
                emit ILeaseAccess.Ordered({
                    leaseId: lease,
                    by: callers[i],
                    action: ILeaseAccess.Order(action)
                });
                access.order(lease, ILeaseAccess.Order(action));
            }
        }
        assertEq(uint8(type(ILeaseAccess.Order).max), 5, "actions");
    }

    function test_order_isNobodyElses() external {
        _grant(ALICE, ILeaseAccess.Level.Viewer);
        _grant(BOB, ILeaseAccess.Level.User);
        address[5] memory callers = [ALICE, BOB, STRANGER, OPERATOR, AGENT];
        for (uint256 i = 0; i < callers.length; ++i) {
            _expectNotManager(callers[i]);
            access.order(lease, ILeaseAccess.Order.Stop);
        }
        _grant(ALICE, ILeaseAccess.Level.Manager);
        vm.prank(ALICE);
        access.order(lease, ILeaseAccess.Order.Stop);
        vm.prank(tenant);
        access.revoke(lease, ALICE);
        _expectNotManager(ALICE);
        access.order(lease, ILeaseAccess.Order.Start);
    }

    function test_order_isOfOneLease() external {
        _grant(ALICE, ILeaseAccess.Level.Manager);
        lease = _another();
        _expectNotManager(ALICE);
        access.order(lease, ILeaseAccess.Order.Stop);
    }

    function test_order_namesAnAction() external {
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(SatelliteErrors.LeaseAccess_NoOrder.selector, lease));
        access.order(lease, ILeaseAccess.Order.None);
    }

    function test_order_endsWithTheLease() external {
        _grant(ALICE, ILeaseAccess.Level.Manager);
        _expectNotLive(keccak256("unknown"), LeaseStatus.None);
        access.order(keccak256("unknown"), ILeaseAccess.Order.Start);
        vm.prank(tenant);
        escrow.close(lease, tenant);
        _expectNotLive(lease, LeaseStatus.Ended);
        access.order(lease, ILeaseAccess.Order.Start);
        vm.prank(ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.LeaseAccess_NotLive.selector, lease, LeaseStatus.Ended)
        );
        access.order(lease, ILeaseAccess.Order.Restore);
    }

    function test_setSealingKey_isOnesOwnAndRises() external {
        _grant(ALICE, ILeaseAccess.Level.User);
        _grant(BOB, ILeaseAccess.Level.Viewer);
        vm.prank(ALICE);
        access.setSealingKey(keccak256("first"));
        vm.prank(ALICE);
        vmEvents.expectEmit(address(access));
        emit ILeaseAccess.SealingKeyChanged({ account: ALICE, sealingKey: keccak256("second"), epoch: 2 });
        access.setSealingKey(keccak256("second"));
        (bytes32 key, uint32 epoch) = access.sealingKeyOf(ALICE);
        assertTrue(key == keccak256("second"), "key");
        assertEq(epoch, 2, "epoch");
        ILeaseAccess.Collaborator[] memory all = access.collaboratorsOf(lease);
        assertTrue(all[0].account == ALICE && all[0].level == ILeaseAccess.Level.User, "Alice");
        assertTrue(all[0].sealingKey == key && all[0].epoch == 2, "her key");
        assertTrue(all[1].account == BOB && all[1].level == ILeaseAccess.Level.Viewer, "Bob");
        assertTrue(all[1].sealingKey == 0 && all[1].epoch == 0, "no key yet");
        vm.prank(ALICE);
        vm.expectRevert(_field("sealingKey", 0, 1, type(uint256).max));
        access.setSealingKey(0);
    }

    function test_postManifest_numbersAndCarriesIt() external {
        assertEq(access.manifestOf(lease).version, 0, "none yet");
        for (uint32 version = 1; version <= 3; ++version) {
            bytes32 hash = keccak256(abi.encode(version));
            vmEvents.roll(1000 + version);
            vm.prank(tenant);
            vmEvents.expectEmit(address(access));
            emit ILeaseAccess.ManifestPosted({
                leaseId: lease,
                version: version,
                manifestHash: hash,
                ciphertext: "sealed"
            });
            access.postManifest(lease, version, hash, "sealed");
            ILeaseAccess.ManifestHead memory head = access.manifestOf(lease);
            assertTrue(head.manifestHash == hash, "hash");
            assertEq(head.version, version, "version");
            assertEq(head.postedIn, 1000 + version, "block");
        }
        assertEq(access.manifestOf(_another()).version, 0, "another lease");
    }

    function testFuzz_postManifest_refusesAllButTheNextVersion(uint32 version, uint8 posted) external {
        posted %= 4;
        vm.startPrank(tenant);
        for (uint32 i = 1; i <= posted; ++i) access.postManifest(lease, i, keccak256("hash"), "sealed");
        if (version != posted + 1) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    SatelliteErrors.LeaseAccess_WrongVersion.selector,
                    lease,
                    version,
                    posted + 1
                )
            );
        }
        access.postManifest(lease, version, keccak256("hash"), "sealed");
        vm.stopPrank();
    }

    function test_postManifest_isTheTenantsOfALiveLease() external {
        _grant(ALICE, ILeaseAccess.Level.Manager);
        _expectNotTenant(ALICE);
        access.postManifest(lease, 1, keccak256("hash"), "sealed");
        vm.prank(tenant);
        escrow.close(lease, tenant);
        _expectNotLive(lease, LeaseStatus.Ended);
        access.postManifest(lease, 1, keccak256("hash"), "sealed");
    }

    function test_postManifest_refusesFieldsOutOfRange() external {
        vm.startPrank(tenant);
        vm.expectRevert(_field("manifestHash", 0, 1, type(uint256).max));
        access.postManifest(lease, 1, 0, "sealed");
        vm.expectRevert(_field("ciphertext", 0, 1, 16_384));
        access.postManifest(lease, 1, keccak256("hash"), "");
        vm.expectRevert(_field("ciphertext", 16_385, 1, 16_384));
        access.postManifest(lease, 1, keccak256("hash"), new bytes(16_385));
        access.postManifest(lease, 1, keccak256("hash"), new bytes(16_384));
        vm.stopPrank();
        assertEq(access.manifestOf(lease).version, 1, "the largest");
    }

    // ------------------------------------------------------------------------------------------------ helpers

    function _another() private returns (bytes32) {
        Terms memory asked = terms();
        asked.salt = keccak256("another");
        return opened(asked);
    }

    function _assertLevel(address account, ILeaseAccess.Level level) private view {
        assertEq(uint256(access.levelOf(lease, account)), uint256(level), "level");
    }

    function _grant(address account, ILeaseAccess.Level level) private {
        vm.prank(tenant);
        access.grant(lease, account, level);
    }

    function _expectNotLive(bytes32 leaseId, LeaseStatus status) private {
        vm.prank(tenant);
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.LeaseAccess_NotLive.selector, leaseId, status)
        );
    }

    function _expectNotManager(address caller) private {
        vm.prank(caller);
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.LeaseAccess_NotManager.selector, lease, caller)
        );
    }

    function _expectNotTenant(address caller) private {
        vm.prank(caller);
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.LeaseAccess_NotTenant.selector, lease, tenant, caller)
        );
    }

    function _field(
        string memory field,
        uint256 value,
        uint256 minimum,
        uint256 maximum
    ) private pure returns (bytes memory) {
        return
            abi.encodeWithSelector(
                SatelliteErrors.LeaseAccess_FieldOutOfRange.selector,
                field,
                value,
                minimum,
                maximum
            );
    }
}
