// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { LeaseStatus } from "../types/DataTypes.sol";

/// @title Errors
/// @notice Every custom error, `Contract_Reason(ids, figures)`. The figures are those a person needs to put it right:
/// the floor beside the price refused, what is free beside what was asked, the moment from which a call will work.
library Errors {
    // ------------------------------------------------------------------------------------------------ lease escrow

    /// @notice Only the tenant may do this.
    error LeaseEscrow_NotTenant(bytes32 leaseId, address tenant, address caller);

    /// @notice Exactly these terms were opened before; choose another salt.
    error LeaseEscrow_AlreadyOpened(bytes32 leaseId);

    /// @notice Requests without a node are not offered by this escrow: name a node.
    error LeaseEscrow_UntargetedUnsupported();

    /// @notice Templates are not offered by this escrow: set `template` to 0.
    error LeaseEscrow_TemplateUnsupported(uint32 template);

    /// @notice The call is not allowed in the state the lease is in.
    error LeaseEscrow_WrongStatus(bytes32 leaseId, LeaseStatus status);

    /// @notice The node is not registered, or takes no new leases.
    error LeaseEscrow_NodeNotActive(uint32 node);

    /// @notice The node asks more than the tenant's signed maximum.
    error LeaseEscrow_PriceAboveMaximum(bytes32 leaseId, uint256 pricePerHour, uint256 maxPricePerHour);

    /// @notice The price is zero or too large to be stored.
    error LeaseEscrow_PriceOutOfRange(uint256 pricePerHour, uint256 maximum);

    /// @notice The node has less of `resource` free than the lease needs.
    error LeaseEscrow_NoCapacity(uint32 node, string resource, uint256 needed, uint256 free);

    /// @notice A figure of the terms is outside its bounds.
    error LeaseEscrow_TermOutOfRange(string term, uint256 value, uint256 minimum, uint256 maximum);

    /// @notice The node gives less notice of a reclaim than the tenant asks for.
    error LeaseEscrow_NoticeTooShort(uint32 node, uint256 notice, uint256 minNotice);

    /// @notice The registry or the policy names a figure above the cap in this contract.
    error LeaseEscrow_AboveCap(string figure, uint256 value, uint256 cap);

    /// @notice What is paid in must buy a minimum of time.
    error LeaseEscrow_DepositTooSmall(uint256 amount, uint256 minimum);

    /// @notice A lease holds at most `maximum`.
    error LeaseEscrow_DepositTooLarge(uint256 amount, uint256 maximum);

    /// @notice Only the agent of the lease's node may activate it.
    error LeaseEscrow_NotAgent(bytes32 leaseId, address agent, address caller);

    /// @notice The time to activate is over; anyone may expire the lease.
    error LeaseEscrow_ActivationTooLate(bytes32 leaseId, uint256 activateBy);

    /// @notice The node still has until `activateBy`.
    error LeaseEscrow_NotExpiredYet(bytes32 leaseId, uint256 activateBy);

    /// @notice A lease may be ended by anyone only from `from` on.
    error LeaseEscrow_NotEndableYet(bytes32 leaseId, uint256 from);

    // ------------------------------------------------------------------------------------------------ ledger

    /// @notice The account holds less than asked for.
    error Ledger_BalanceTooLow(address account, uint256 balance, uint256 needed);

    /// @notice The node has earned less than asked for.
    error Ledger_EarnedTooLow(uint32 node, uint256 earned, uint256 needed);

    /// @notice Only the node's payee may do this.
    error Ledger_NotPayee(uint32 node, address payee, address caller);

    /// @notice Only the proposed payee may accept.
    error Ledger_NotPendingPayee(uint32 node, address pendingPayee, address caller);

    /// @notice Money cannot be sent to this address.
    error Ledger_BadRecipient(address to);

    /// @notice An amount of zero does nothing.
    error Ledger_ZeroAmount();

    /// @notice USDC refused the transfer without saying why.
    error Ledger_TransferFailed(address from, address to, uint256 amount);

    /// @notice Only the escrow itself may call this.
    error Ledger_OnlySelf(address caller);

    // ------------------------------------------------------------------------------------------------ pointers

    /// @notice Nothing has been announced.
    error Pointers_NothingAnnounced();

    /// @notice The announced pointers apply from `from` on.
    error Pointers_TooEarly(uint256 from);

    /// @notice There is no contract at this address.
    error Pointers_NoCode(address target);

    // ------------------------------------------------------------------------------------------------ price policy

    /// @notice There are four tiers, 0 to 3.
    error PricePolicy_UnknownTier(uint256 tier);

    /// @notice There are four bandwidth tiers, 0 to 3.
    error PricePolicy_UnknownBandwidth(uint256 bandwidth);

    /// @notice A parameter is outside the bounds written in code.
    error PricePolicy_OutOfRange(string parameter, uint256 value, uint256 minimum, uint256 maximum);

    // ------------------------------------------------------------------------------------------------ node registry

    /// @notice The price asked for `resource` is under the platform's floor.
    error NodeRegistry_PriceBelowFloor(string resource, uint256 price, uint256 floor);

    /// @notice This machine is registered by this operator already.
    error NodeRegistry_NodeIdTaken(bytes32 nodeId, uint32 node);

    /// @notice No node has this index.
    error NodeRegistry_UnknownNode(uint32 node);

    /// @notice Only the node's operator may do this.
    error NodeRegistry_NotOperator(uint32 node, address operator, address caller);

    /// @notice Only the proposed operator may accept.
    error NodeRegistry_NotPendingOperator(uint32 node, address pendingOperator, address caller);

    /// @notice An agent key serves one node only.
    error NodeRegistry_AgentTaken(address agent, uint32 node);

    /// @notice The agent's key is online all the time and must not be the operator's.
    error NodeRegistry_AgentIsOperator(address agent);

    /// @notice A field is empty or outside its bounds.
    error NodeRegistry_FieldOutOfRange(string field, uint256 value, uint256 minimum, uint256 maximum);
}
