// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { LeaseStatus } from "../types/DataTypes.sol";

/// @title SatelliteErrors
/// @notice The custom errors of the contracts around the escrow, named as in {Errors}: `Contract_Reason(ids, figures)`.
library SatelliteErrors {
    // ------------------------------------------------------------------------------------------------ template registry

    /// @notice A slug is 3 to 40 bytes of a–z, 0–9 and dash.
    error TemplateRegistry_BadSlug(string slug);

    /// @notice The slug belongs to another template.
    error TemplateRegistry_SlugTaken(string slug, uint32 template);

    /// @notice No template has this index.
    error TemplateRegistry_UnknownTemplate(uint32 template);

    /// @notice The template has no such version.
    error TemplateRegistry_UnknownVersion(uint32 template, uint32 version);

    /// @notice Only the template's author may do this.
    error TemplateRegistry_NotAuthor(uint32 template, address author, address caller);

    /// @notice Only the proposed author may accept.
    error TemplateRegistry_NotPendingAuthor(uint32 template, address pendingAuthor, address caller);

    /// @notice The content does not hash to what the draft says: it was damaged on its way, or is another one.
    error TemplateRegistry_HashMismatch(bytes32 contentHash, bytes32 actual);

    /// @notice Content is given inline or by a URI, one of the two.
    error TemplateRegistry_ContentAndUri();

    /// @notice A field is empty or outside its bounds.
    error TemplateRegistry_FieldOutOfRange(string field, uint256 value, uint256 minimum, uint256 maximum);

    // ------------------------------------------------------------------------------------------------ lease access

    /// @notice Only the tenant may do this.
    error LeaseAccess_NotTenant(bytes32 leaseId, address tenant, address caller);

    /// @notice Only the tenant and Managers of the lease may do this.
    error LeaseAccess_NotManager(bytes32 leaseId, address caller);

    /// @notice The lease is not open, or over.
    error LeaseAccess_NotLive(bytes32 leaseId, LeaseStatus status);

    /// @notice The zero address and the tenant cannot be collaborators.
    error LeaseAccess_BadCollaborator(bytes32 leaseId, address account);

    /// @notice A grant names a level; to take one away, revoke.
    error LeaseAccess_NoLevel(bytes32 leaseId, address account);

    /// @notice An order names an action.
    error LeaseAccess_NoOrder(bytes32 leaseId);

    /// @notice The account is no collaborator of this lease.
    error LeaseAccess_NotCollaborator(bytes32 leaseId, address account);

    /// @notice A manifest can be sealed to `maximum` collaborators; revoke one first.
    error LeaseAccess_TooManyCollaborators(bytes32 leaseId, uint256 maximum);

    /// @notice Manifests are numbered without gaps: the next one is `next`.
    error LeaseAccess_WrongVersion(bytes32 leaseId, uint256 version, uint256 next);

    /// @notice A field is empty or outside its bounds.
    error LeaseAccess_FieldOutOfRange(string field, uint256 value, uint256 minimum, uint256 maximum);

    // ------------------------------------------------------------------------------------------------ reviews

    /// @notice Only the tenant may review its lease.
    error Reviews_NotTenant(bytes32 leaseId, address tenant, address caller);

    /// @notice The lease never became active.
    error Reviews_NeverActive(bytes32 leaseId);

    /// @notice Nothing is owed or was paid for the lease.
    error Reviews_NeverPaid(bytes32 leaseId);

    /// @notice The lease was not deployed from a template.
    error Reviews_NoTemplate(bytes32 leaseId);

    /// @notice The node of this lease has its review.
    error Reviews_NodeReviewed(bytes32 leaseId);

    /// @notice The template of this lease has its review.
    error Reviews_TemplateReviewed(bytes32 leaseId);

    /// @notice Stars, title or comment are outside their bounds.
    error Reviews_FieldOutOfRange(string field, uint256 value, uint256 minimum, uint256 maximum);

    // ------------------------------------------------------------------------------------------------ reputation

    /// @notice Only an attester may attest.
    error Reputation_NotAttester(address caller);

    /// @notice The address is on the list already.
    error Reputation_AlreadyAttester(address attester);

    /// @notice The zero address attests nothing.
    error Reputation_BadAttester(address attester);

    /// @notice The list holds `maximum` attesters at most.
    error Reputation_TooManyAttesters(uint256 maximum);

    /// @notice The last attester cannot be removed; add its successor first.
    error Reputation_LastAttester(address attester);

    /// @notice The day can be attested from `from` on, when it is over.
    error Reputation_DayNotOver(uint256 day, uint256 from);

    /// @notice The day has left the window; the first day in it is `oldest`.
    error Reputation_DayTooOld(uint256 day, uint256 oldest);

    /// @notice A day has fewer beats than this.
    error Reputation_TooManyMissed(uint256 node, uint256 missed, uint256 maximum);

    /// @notice One call carries 1 to `maximum` words, and no group beyond the last node there can be.
    error Reputation_BadRange(uint256 firstGroup, uint256 words, uint256 maximum);

    // ------------------------------------------------------------------------------------------------ premium stake

    /// @notice Only the node's operator may stake for it.
    error PremiumStake_NotOperator(uint32 node, address operator, address caller);

    /// @notice The node's uptime is not known, or too low.
    error PremiumStake_UptimeTooLow(uint32 node, uint256 uptimeBps, uint256 minimum);

    /// @notice The node has not completed enough leases.
    error PremiumStake_TooFewCompletions(uint32 node, uint256 completed, uint256 minimum);

    /// @notice A stake begins at `minimum`.
    error PremiumStake_StakeTooSmall(uint32 node, uint256 stake, uint256 minimum);

    /// @notice The caller has less than that staked for the node.
    error PremiumStake_BondedTooLow(uint32 node, uint256 bonded, uint256 needed);

    /// @notice An amount of zero does nothing.
    error PremiumStake_ZeroAmount();

    /// @notice The stake is locked until `lockedUntil`.
    error PremiumStake_Locked(uint32 node, uint256 lockedUntil);

    /// @notice A lock is only ever lengthened, and ends at most `latest`.
    error PremiumStake_BadLock(uint256 lockedUntil, uint256 earliest, uint256 latest);

    /// @notice Nothing is being unbonded.
    error PremiumStake_NothingUnbonding(uint32 node);

    /// @notice The stake can be withdrawn from `from` on.
    error PremiumStake_StillUnbonding(uint32 node, uint256 from);

    /// @notice Less arrived than was sent: a token that takes a fee cannot be staked.
    error PremiumStake_ShortTransfer(uint256 received, uint256 amount);

    /// @notice The minimum stake cannot be zero.
    error PremiumStake_ZeroMinimum();

    // ------------------------------------------------------------------------------------------------ payouts

    /// @notice Only the node's present payee can hand the role over to the payouts.
    error Payouts_NotPayee(uint32 node, address payee, address caller);

    /// @notice Only who enrolled the node, or a successor, may do this.
    error Payouts_NotOwner(uint32 node, address owner, address caller);

    /// @notice Only the proposed owner can take the node's earnings over.
    error Payouts_NotPendingOwner(uint32 node, address pendingOwner, address caller);

    /// @notice Nobody, the payouts and the escrow cannot be paid.
    error Payouts_BadRecipient(address to);

    /// @notice Only the payouts itself pays a single node.
    error Payouts_OnlySelf(address caller);

    /// @notice The payment of the next node needs `needed` gas.
    error Payouts_GasTooLow(uint256 gas, uint256 needed);
}
