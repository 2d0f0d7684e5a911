// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ILeaseMandates } from "./ILeaseMandates.sol";

/// @title ILedger
/// @notice What the ledger of the escrow offers beyond {ILeaseEscrow}: the rotation of a node's payee. The payee is the
/// node's operator at its first lease; from then on only the payee itself can hand the role over.
interface ILedger {
    event PayeeProposed(uint32 indexed node, address indexed payee, address proposed);
    event PayeeChanged(uint32 indexed node, address indexed payee);
    event NodeOperatorChanged(uint32 indexed node, address indexed operator);

    /// @notice Proposes another payee; the zero address withdraws a proposal. By the payee; node 0 is the platform.
    function proposePayee(uint32 node, address proposed) external;

    /// @notice Takes the role over. By the proposed payee.
    function acceptPayee(uint32 node) external;

    /// @notice Names who may reclaim and credit the node's leases and switch their relay. Copied from the registry at the
    /// node's first lease; no registry can change it afterwards. By the payee.
    function setOperator(uint32 node, address operator) external;

    /// @notice Sends a refund that was credited to `account` on to `to`. By the escrow itself only: the call exists so
    /// that a transfer USDC refuses can be rolled back on its own, which leaves the credit in place.
    function sendRefund(address account, address to, uint256 amount) external;

    /// @notice Sends from the internal balance of `account`, who signed for it. By {ILeaseMandates} only.
    function withdrawFor(address account, address to, uint256 amount) external;

    /// @notice Carries out what accounts have signed: created with this contract, never replaced.
    function MANDATES() external view returns (ILeaseMandates);
    function operatorOf(uint32 node) external view returns (address);
    function pendingPayeeOf(uint32 node) external view returns (address);
}
