// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Terms } from "../types/DataTypes.sol";

/// @title ILeaseOpening
/// @notice Ways to a lease beyond a targeted one that its tenant opens: requests without a node, one signature, stacks.
/// Terms with `node` 0 are held as a request: no price, no capacity, all of it refundable, for a day at most.
interface ILeaseOpening {
    /// @notice Several leases were opened together: all of them, or none would have been.
    event StackOpened(bytes32 indexed stackId, address indexed tenant, bytes32[] leaseIds);

    /// @notice Of the deposit in the terms, `fee` is held apart for the template.
    event TemplateFeeHeld(
        bytes32 indexed leaseId,
        uint32 indexed template,
        uint32 version,
        address indexed author,
        uint32 fee,
        uint16 refundWindow
    );

    /// @notice Places a request on a node, at that node's price of this moment. By the scheduler; from 60 s after the
    /// request also by a node's agent, for its own node. Refused where the price is over the tenant's maximum, where the
    /// node is elsewhere, full or drained, or gives too short a notice: a bad scheduler can only delay.
    /// @param terms The request's own: they must hash to its id.
    function assign(Terms calldata terms, uint32 node) external;

    /// @notice Opens a lease with an EIP-3009 authorization of the tenant over `terms.deposit` to this contract, whose
    /// nonce is the lease's id. By anyone: the signature fits these terms alone. The manifest is not part of it; one that
    /// does not open to `terms.manifestHash` is refused by the node, and the tenant can post the right one.
    /// @param signature 65 bytes, or what the tenant's ERC-1271 wallet accepts.
    function openWithAuthorization(
        Terms calldata terms,
        bytes calldata manifest,
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata signature
    ) external returns (bytes32 leaseId);

    /// @notice Opens all of the caller's leases or none, paid for in one transfer, or from the internal balance.
    function openStack(
        Terms[] calldata stack,
        bytes[] calldata manifests,
        bool fromBalance
    ) external returns (bytes32 stackId);
}
