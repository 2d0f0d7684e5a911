// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ILeaseAccess } from "./interfaces/ILeaseAccess.sol";
import { ILeaseEscrow } from "./interfaces/ILeaseEscrow.sol";
import { SatelliteErrors } from "./libraries/SatelliteErrors.sol";
import { Text } from "./libraries/Text.sol";
import { Lease, LeaseStatus } from "./types/DataTypes.sol";

/// @title LeaseAccess
/// @notice See the documentation in {ILeaseAccess}.
contract LeaseAccess is ILeaseAccess {
    /// @notice A manifest is sealed to sixteen keys at most: the node's, the tenant's and these.
    uint256 public constant MAX_COLLABORATORS = 14;

    uint256 public constant MAX_MANIFEST_BYTES = 16_384;

    /// @dev One slot each.
    struct Grant {
        address account;
        Level level;
    }

    /// @dev Two slots.
    struct SealingKey {
        bytes32 key;
        uint32 epoch;
    }

    /// @notice Whose leases these are.
    ILeaseEscrow public immutable ESCROW;

    mapping(bytes32 leaseId => Grant[]) private _grants;
    mapping(bytes32 leaseId => ManifestHead) private _manifests;
    mapping(address account => SealingKey) private _keys;

    constructor(ILeaseEscrow escrow) {
        ESCROW = escrow;
    }

    // ------------------------------------------------------------------------------------------------ read-only

    /// @inheritdoc ILeaseAccess
    function collaboratorsOf(
        bytes32 leaseId
    ) external view override returns (Collaborator[] memory collaborators) {
        if (!_isLive(ESCROW.leaseOf(leaseId).status)) return collaborators;
        Grant[] memory grants = _grants[leaseId];
        collaborators = new Collaborator[](grants.length);
        for (uint256 i = 0; i < grants.length; ++i) {
            SealingKey memory key = _keys[grants[i].account];
            collaborators[i] = Collaborator({
                account: grants[i].account,
                level: grants[i].level,
                sealingKey: key.key,
                epoch: key.epoch
            });
        }
    }

    /// @inheritdoc ILeaseAccess
    function levelOf(bytes32 leaseId, address account) external view override returns (Level) {
        Lease memory lease = ESCROW.leaseOf(leaseId);
        return _isLive(lease.status) ? _levelOf(leaseId, lease.tenant, account) : Level.None;
    }

    /// @inheritdoc ILeaseAccess
    function manifestOf(bytes32 leaseId) external view override returns (ManifestHead memory) {
        return _manifests[leaseId];
    }

    /// @inheritdoc ILeaseAccess
    function sealingKeyOf(address account) external view override returns (bytes32 sealingKey, uint32 epoch) {
        SealingKey storage key = _keys[account];
        return (key.key, key.epoch);
    }

    // ------------------------------------------------------------------------------------------------ state-changing

    /// @inheritdoc ILeaseAccess
    function grant(bytes32 leaseId, address account, Level level) external override {
        _requireTenant(leaseId);
        if (account == address(0) || account == msg.sender) {
            revert SatelliteErrors.LeaseAccess_BadCollaborator({ leaseId: leaseId, account: account });
        }
        if (level == Level.None) {
            revert SatelliteErrors.LeaseAccess_NoLevel({ leaseId: leaseId, account: account });
        }
        Grant[] storage grants = _grants[leaseId];
        uint256 i = _find(grants, account);
        if (i < grants.length) {
            grants[i].level = level;
        } else {
            if (i == MAX_COLLABORATORS) {
                revert SatelliteErrors.LeaseAccess_TooManyCollaborators({
                    leaseId: leaseId,
                    maximum: MAX_COLLABORATORS
                });
            }
            grants.push(Grant({ account: account, level: level }));
        }
        emit AccessChanged({ leaseId: leaseId, account: account, level: level });
    }

    /// @inheritdoc ILeaseAccess
    function order(bytes32 leaseId, Order action) external override {
        address tenant = _requireLive(leaseId);
        if (_levelOf(leaseId, tenant, msg.sender) != Level.Manager) {
            revert SatelliteErrors.LeaseAccess_NotManager({ leaseId: leaseId, caller: msg.sender });
        }
        if (action == Order.None) revert SatelliteErrors.LeaseAccess_NoOrder({ leaseId: leaseId });
        emit Ordered({ leaseId: leaseId, by: msg.sender, action: action });
    }

    /// @inheritdoc ILeaseAccess
    function postManifest(
        bytes32 leaseId,
        uint32 version,
        bytes32 manifestHash,
        bytes calldata ciphertext
    ) external override {
        _requireTenant(leaseId);
        _requireWithin("manifestHash", uint256(manifestHash), 1, type(uint256).max);
        _requireWithin("ciphertext", ciphertext.length, 1, MAX_MANIFEST_BYTES);
        uint256 next = uint256(_manifests[leaseId].version) + 1;
        if (version != next) {
            revert SatelliteErrors.LeaseAccess_WrongVersion({
                leaseId: leaseId,
                version: version,
                next: next
            });
        }
        _manifests[leaseId] = ManifestHead({
            manifestHash: manifestHash,
            version: version,
            postedIn: uint40(block.number)
        });
        emit ManifestPosted({
            leaseId: leaseId,
            version: version,
            manifestHash: manifestHash,
            ciphertext: ciphertext
        });
    }

    /// @inheritdoc ILeaseAccess
    function revoke(bytes32 leaseId, address account) external override {
        _requireTenant(leaseId);
        Grant[] storage grants = _grants[leaseId];
        uint256 i = _find(grants, account);
        if (i == grants.length) {
            revert SatelliteErrors.LeaseAccess_NotCollaborator({ leaseId: leaseId, account: account });
        }
        // The order means nothing: the last one takes the place.
        grants[i] = grants[grants.length - 1];
        grants.pop();
        emit AccessChanged({ leaseId: leaseId, account: account, level: Level.None });
    }

    /// @inheritdoc ILeaseAccess
    function setSealingKey(bytes32 sealingKey) external override {
        _requireWithin("sealingKey", uint256(sealingKey), 1, type(uint256).max);
        SealingKey storage key = _keys[msg.sender];
        uint32 epoch = key.epoch + 1;
        key.key = sealingKey;
        key.epoch = epoch;
        emit SealingKeyChanged({ account: msg.sender, sealingKey: sealingKey, epoch: epoch });
    }

    // ------------------------------------------------------------------------------------------------ internal

    /// @return The place of the account, or the length of the list when it is not there.
    function _find(Grant[] storage grants, address account) private view returns (uint256) {
        uint256 length = grants.length;
        for (uint256 i = 0; i < length; ++i) {
            if (grants[i].account == account) return i;
        }
        return length;
    }

    function _isLive(LeaseStatus status) private pure returns (bool) {
        return status != LeaseStatus.None && status != LeaseStatus.Ended;
    }

    /// @dev Of a lease that lives.
    function _levelOf(bytes32 leaseId, address tenant, address account) private view returns (Level) {
        if (account == tenant) return Level.Manager;
        Grant[] storage grants = _grants[leaseId];
        uint256 i = _find(grants, account);
        return i < grants.length ? grants[i].level : Level.None;
    }

    function _requireLive(bytes32 leaseId) private view returns (address tenant) {
        Lease memory lease = ESCROW.leaseOf(leaseId);
        if (!_isLive(lease.status)) {
            revert SatelliteErrors.LeaseAccess_NotLive({ leaseId: leaseId, status: lease.status });
        }
        return lease.tenant;
    }

    function _requireTenant(bytes32 leaseId) private view {
        address tenant = _requireLive(leaseId);
        if (msg.sender != tenant) {
            revert SatelliteErrors.LeaseAccess_NotTenant({
                leaseId: leaseId,
                tenant: tenant,
                caller: msg.sender
            });
        }
    }

    function _requireWithin(bytes32 field, uint256 value, uint256 minimum, uint256 maximum) private pure {
        if (value < minimum || value > maximum) {
            revert SatelliteErrors.LeaseAccess_FieldOutOfRange({
                field: Text.decode(field),
                value: value,
                minimum: minimum,
                maximum: maximum
            });
        }
    }
}
