// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title ILeaseAccess
/// @notice Who besides the tenant may use a machine, with which key, the sealed manifests that follow the one of the
/// opening transaction, and what the node is asked to do with the machine. Access ends with the lease. Holds no funds and
/// is replaceable.
interface ILeaseAccess {
    /// @notice What a collaborator may do; each level holds those before it. None of them moves money or ends a lease.
    /// Viewer: status, metrics and logs. User: also SSH certificates, terminal and files. Manager: also orders
    /// (see {order}), ports and domains.
    enum Level {
        None,
        Viewer,
        User,
        Manager
    }

    /// @notice What a node is asked to do with the machine of a lease. Start, Stop: on or off from now on. Reboot: off and
    /// on again, once. Reinstall: a fresh disk; the old one is kept aside. Restore: the disk kept aside comes back.
    enum Order {
        None,
        Start,
        Stop,
        Reboot,
        Reinstall,
        Restore
    }

    /// @notice A collaborator and the key to which manifests are sealed for it; no key was published while `epoch` is 0.
    struct Collaborator {
        address account;
        Level level;
        bytes32 sealingKey;
        uint32 epoch;
    }

    /// @notice Which manifest of a lease is the latest.
    /// @param manifestHash `keccak256` of the payload it opens to.
    /// @param version 0 while none was posted here: the manifest that came with the lease is the one.
    /// @param postedIn Number of the block whose {ManifestPosted} carries it.
    struct ManifestHead {
        bytes32 manifestHash;
        uint32 version;
        uint40 postedIn;
    }

    /// @notice The level of an account after a change; None when it was revoked.
    event AccessChanged(bytes32 indexed leaseId, address indexed account, Level level);

    event SealingKeyChanged(address indexed account, bytes32 sealingKey, uint32 epoch);

    event ManifestPosted(
        bytes32 indexed leaseId,
        uint32 indexed version,
        bytes32 manifestHash,
        bytes ciphertext
    );

    /// @notice The node of the lease is asked to do this. The block's time orders it among those that were signed without
    /// a transaction: of Start and Stop the latest stands.
    event Ordered(bytes32 indexed leaseId, address indexed by, Order action);

    /// @notice Makes `account` a collaborator, or changes its level. By the tenant of a live lease.
    function grant(bytes32 leaseId, address account, Level level) external;

    /// @notice Takes access away. By the tenant of a live lease: with the end of the lease all access is over anyway.
    function revoke(bytes32 leaseId, address account) external;

    /// @notice Publishes the caller's own X25519 public key, for all its leases; replaces an earlier one.
    function setSealingKey(bytes32 sealingKey) external;

    /// @notice Posts a sealed manifest: one sealed again to other keys, or with other contents, which then replace those
    /// of the terms because the tenant itself says so here. By the tenant of a live lease.
    /// @param version The latest version + 1.
    /// @param manifestHash `keccak256` of the payload that the ciphertext opens to.
    /// @param ciphertext At most 16 KiB.
    function postManifest(
        bytes32 leaseId,
        uint32 version,
        bytes32 manifestHash,
        bytes calldata ciphertext
    ) external;

    /// @notice Asks the node of the lease to do something with the machine. By the tenant or a Manager of a live lease.
    /// Nothing is stored: the event is the order. Moves no money; a stopped machine is reserved, and billed.
    /// @param action Not None.
    function order(bytes32 leaseId, Order action) external;

    /// @notice The level of an account: Manager for the tenant, None for all once the lease is over.
    function levelOf(bytes32 leaseId, address account) external view returns (Level);
    /// @notice The collaborators with their keys; empty once the lease is over.
    function collaboratorsOf(bytes32 leaseId) external view returns (Collaborator[] memory);
    function manifestOf(bytes32 leaseId) external view returns (ManifestHead memory);
    function sealingKeyOf(address account) external view returns (bytes32 sealingKey, uint32 epoch);
}
