// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IQuoteErrors } from "./IQuoteErrors.sol";
import { Terms } from "../types/DataTypes.sol";
import { Templated } from "../types/LeaseRecord.sol";

/// @title ILeaseDesk
/// @notice All of the escrow that may change its mind: which registries count, whether new business is paused, and what
/// terms cost on a node, checked against every cap in code. It holds no funds. The escrow creates it and keeps it for
/// ever, so its caps and delays are as immutable as the escrow itself, and asks it in `open`, `assign`, `activate` and
/// whether it may take a top-up; no exit ever does.
interface ILeaseDesk is IQuoteErrors {
    /// @notice A node's answer to terms, and who is who.
    /// @param holding Slot 1 of the lease, word for word.
    /// @param price Slot 2.
    /// @param relayOperator Operator of the relay, 0 when there is no relay.
    struct Quote {
        uint256 holding;
        uint256 price;
        uint32 notice;
        address operator;
        address agent;
        address relayOperator;
    }

    /// @notice Prices terms on a node, or reverts with the reason.
    /// @param deposited What the lease was opened with, template fee taken off: it must buy the least runway.
    /// @param hasTemplate Kept as it is in slot 2.
    function quote(
        bytes32 leaseId,
        Terms calldata terms,
        uint32 node,
        uint64 deposited,
        bool hasTemplate
    ) external view returns (Quote memory);

    /// @notice Checks the template that the terms name: on offer, not dearer than the tenant allows, and no larger than
    /// the machine asked for.
    function quoteTemplate(Terms calldata terms) external view returns (Templated memory);

    /// @notice The node's agent; reverts while activating is paused.
    function agentToActivate(uint32 node) external view returns (address);

    /// @notice Who may place requests before anybody else.
    function scheduler() external view returns (address);

    /// @notice Reverts while new business is paused.
    function requireRunning() external view;
}
