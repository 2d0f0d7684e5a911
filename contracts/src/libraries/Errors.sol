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

    /// @notice The call is not allowed in the state the lease is in.
    error LeaseEscrow_WrongStatus(bytes32 leaseId, LeaseStatus status);

    /// @notice What is paid in must buy a minimum of time.
    error LeaseEscrow_DepositTooSmall(uint256 amount, uint256 minimum);

    /// @notice A lease holds at most `maximum`.
    error LeaseEscrow_DepositTooLarge(uint256 amount, uint256 maximum);

    /// @notice Only the agent of the lease's node may activate it.
    error LeaseEscrow_NotAgent(bytes32 leaseId, address agent, address caller);

    /// @notice The node's agent may assign a request to itself from `from` on; until then the scheduler may.
    error LeaseEscrow_NotAssigner(bytes32 leaseId, address agent, uint256 from, address caller);

    /// @notice Nobody took the request in time; anyone may expire it.
    error LeaseEscrow_RequestLapsed(bytes32 leaseId, uint256 lapsedAt);

    /// @notice A stack has one manifest for each lease, and at least one lease.
    error LeaseEscrow_BadStack(uint256 leases, uint256 manifests);

    /// @notice Only the node's operator may do this, or, where the function says so, whoever stands in for it.
    error LeaseEscrow_NotOperator(bytes32 leaseId, address operator, address caller);

    /// @notice The operator may reclaim from `from` until `until`; both are 0 when no notice was given.
    error LeaseEscrow_ReclaimNotDue(bytes32 leaseId, uint256 from, uint256 until);

    /// @notice All that was due has vested, or is credited already.
    error LeaseEscrow_NothingCreditable(bytes32 leaseId);

    /// @notice The lease runs behind no relay, or the relay has never had a lease and so has no payee.
    error LeaseEscrow_BadRelay(bytes32 leaseId, uint32 relay);

    /// @notice The lease holds no fee, or its refund window ends at `from`.
    error LeaseEscrow_FeeNotDue(bytes32 leaseId, uint256 from);

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

    /// @notice Only the contract that checks the account's signatures may act for it.
    error Ledger_NotMandates(address caller);

    /// @notice Only the escrow itself may call this.
    error Ledger_OnlySelf(address caller);

    // ------------------------------------------------------------------------------------------------ guard

    /// @notice The guardian has paused this until `until`; every exit stays open.
    error Guard_Paused(uint256 until);

    /// @notice Only the guardian may do this.
    error Guard_NotGuardian(address guardian, address caller);

    /// @notice The guardian may pause again from `from` on.
    error Guard_TooSoon(uint256 from);

    // ------------------------------------------------------------------------------------------------ downtime quorum

    /// @notice The list needs at least `minAttesters`, no address twice, and a quorum from `minQuorum` to all of them.
    error DowntimeQuorum_BadList(uint256 attesters, uint256 quorum, uint256 minAttesters, uint256 minQuorum);

    /// @notice Only an attester may vote.
    error DowntimeQuorum_NotAttester(address caller);

    /// @notice The attester has voted for this credit.
    error DowntimeQuorum_VotedAlready(bytes32 leaseId, address attester);

    // ------------------------------------------------------------------------------------------------ lease mandates

    /// @notice The signature was good until `deadline`.
    error LeaseMandates_Expired(uint256 deadline);

    /// @notice The signature is not `signer`'s over these figures, this chain and this contract.
    error LeaseMandates_BadSignature(address signer);

    /// @notice The nonce was used before, or cancelled.
    error LeaseMandates_NonceUsed(address signer, uint256 nonce);

    /// @notice A renewal is due from `from` on.
    error LeaseMandates_NotRenewableYet(bytes32 leaseId, uint256 from);

    /// @notice The tenant allows `budget` more to be renewed, less than the amount of one renewal, or none.
    error LeaseMandates_RenewalSpent(bytes32 leaseId, uint256 amount, uint256 budget);

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

    /// @notice The relay offers no more places, or is no relay: not behind another, not the node itself.
    error NodeRegistry_RelayUnavailable(uint32 relay, uint256 used, uint256 capacity);

    /// @notice The signature is not the auditor's over exactly this attribute.
    error NodeRegistry_BadSignature(address auditor);

    /// @notice A field is empty or outside its bounds.
    error NodeRegistry_FieldOutOfRange(string field, uint256 value, uint256 minimum, uint256 maximum);
}
