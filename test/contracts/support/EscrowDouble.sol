// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ILeaseEscrow } from "../../../contracts/src/interfaces/ILeaseEscrow.sol";
import { ILeaseTemplates } from "../../../contracts/src/interfaces/ILeaseTemplates.sol";
import { INodeCounters } from "../../../contracts/src/interfaces/INodeCounters.sol";
import { Lease } from "../../../contracts/src/types/DataTypes.sol";

/// @notice Stands in front of a real escrow and answers with its leases. A test says which template a lease came from,
/// what a node has completed, and that the time of a lease was credited back in full.
contract EscrowDouble is ILeaseTemplates, INodeCounters {
    struct Deployment {
        uint32 template;
        uint32 version;
    }

    struct Counters {
        uint32 hosted;
        uint32 completed;
    }

    ILeaseEscrow public immutable REAL;

    mapping(bytes32 leaseId => Deployment) public override templateOf;
    mapping(uint32 node => Counters) public override nodeCounters;
    mapping(bytes32 leaseId => bool) public creditedBack;

    constructor(ILeaseEscrow real) {
        REAL = real;
    }

    function setTemplate(bytes32 leaseId, uint32 template, uint32 version) external {
        templateOf[leaseId] = Deployment(template, version);
    }

    function setCounters(uint32 node, uint32 hosted, uint32 completed) external {
        nodeCounters[node] = Counters(hosted, completed);
    }

    function setCreditedBack(bytes32 leaseId, bool value) external {
        creditedBack[leaseId] = value;
    }

    function leaseOf(bytes32 leaseId) external view returns (Lease memory) {
        return REAL.leaseOf(leaseId);
    }

    function due(bytes32 leaseId, uint256 timestamp) external view returns (uint256) {
        return creditedBack[leaseId] ? 0 : REAL.due(leaseId, timestamp);
    }
}
