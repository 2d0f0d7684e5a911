// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title ILeaseTemplates
/// @notice What the escrow tells of the template a lease was deployed from.
interface ILeaseTemplates {
    /// @return template Index in the template registry, 0 for none.
    /// @return version Version of that template.
    function templateOf(bytes32 leaseId) external view returns (uint32 template, uint32 version);
}
