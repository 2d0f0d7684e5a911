// What the contracts around the escrow refuse, and the lens that reads them all.
import { moment, only, outOf, type Refusals, usdc } from './shape.ts'

export const lensRefusals: Refusals<'DeCloudLens'> = {
  DeCloudLens_NoCode: (target) => [`There is no contract at ${target}.`, 'Check the address.'],
  DeCloudLens_GasTooLow: (gas, needed) => [
    `The read had ${gas} gas left and needs ${needed}.`,
    'Ask for fewer entries at once, or give the call more gas.',
  ],
}

const stars: Refusals<'Reviews'> = {
  Reviews_NotTenant: (_, tenant, caller) => only('the tenant of the lease', tenant, caller),
  Reviews_NeverActive: (leaseId) => [`Lease ${leaseId} never became active.`, 'Review a lease that ran.'],
  Reviews_NeverPaid: (leaseId) => [
    `Nothing is owed or was paid for lease ${leaseId}.`,
    'Review a lease that was paid for.',
  ],
  Reviews_NoTemplate: (leaseId) => [
    `Lease ${leaseId} was not opened from a template.`,
    'Review its node instead.',
  ],
  Reviews_NodeReviewed: (leaseId) => [
    `The node of lease ${leaseId} has its review.`,
    'A lease gives one review of its node.',
  ],
  Reviews_TemplateReviewed: (leaseId) => [
    `The template of lease ${leaseId} has its review.`,
    'A lease gives one review of its template.',
  ],
  Reviews_FieldOutOfRange: outOf,
}

const paid: Refusals<'Payouts'> = {
  Payouts_NotPayee: (node, payee, caller) => only(`the payee of node ${node}`, payee, caller),
  Payouts_NotOwner: (node, owner, caller) => only(`the owner of what node ${node} is paid`, owner, caller),
  Payouts_NotPendingOwner: (node, pendingOwner, caller) =>
    only(`the proposed owner of what node ${node} is paid`, pendingOwner, caller),
  Payouts_BadRecipient: (to) => [
    `${to} cannot be paid: it is nobody, the escrow or the payouts themselves.`,
    'Name an account of your own.',
  ],
  Payouts_GasTooLow: (gas, needed) => [
    `${gas} gas are left, and the next payment needs ${needed}.`,
    'Give the call more gas, or push fewer nodes at once.',
  ],
  Payouts_OnlySelf: (caller) => [`${caller} cannot pay a single node.`, 'Push a list with the node in it.'],
}

export const satelliteRefusals: Refusals<
  'LeaseAccess' | 'Reviews' | 'Reputation' | 'PremiumStake' | 'Payouts'
> = {
  ...stars,
  ...paid,
  LeaseAccess_NotTenant: (_, tenant, caller) => only('the tenant of the lease', tenant, caller),
  LeaseAccess_NotManager: (leaseId, caller) => [
    `${caller} is neither the tenant nor a Manager of lease ${leaseId}.`,
    'Order it from such an account, or ask the tenant for that level.',
  ],
  LeaseAccess_NotLive: (leaseId) => [
    `Lease ${leaseId} is not open, or over.`,
    'Access is to leases that live: check the id.',
  ],
  LeaseAccess_BadCollaborator: (_, account) => [
    `${account} cannot be a collaborator: it is the tenant or nobody.`,
    'Name another account.',
  ],
  LeaseAccess_NoLevel: (_, account) => [
    `The grant to ${account} names no level.`,
    'Name one, or revoke to take access away.',
  ],
  LeaseAccess_NoOrder: (leaseId) => [
    `The order for lease ${leaseId} names no action.`,
    'Order a start, stop, reboot, reinstall or restore.',
  ],
  LeaseAccess_NotCollaborator: (leaseId, account) => [
    `${account} is no collaborator of lease ${leaseId}.`,
    'There is nothing to revoke.',
  ],
  LeaseAccess_TooManyCollaborators: (leaseId, maximum) => [
    `Lease ${leaseId} has ${maximum} collaborators, as many as a manifest is sealed to.`,
    'Revoke one first.',
  ],
  LeaseAccess_WrongVersion: (leaseId, version, next) => [
    `Manifest ${version} of lease ${leaseId} does not follow: the next one is ${next}.`,
    'Read the latest manifest, and post yours with that number.',
  ],
  LeaseAccess_FieldOutOfRange: outOf,
  Reputation_NotAttester: (caller) => [`${caller} is no attester.`, 'Attest from an account on the list.'],
  Reputation_AlreadyAttester: (attester) => [
    `${attester} is an attester already.`,
    'There is nothing to do.',
  ],
  Reputation_BadAttester: (attester) => [`${attester} cannot attest.`, 'Name an account.'],
  Reputation_TooManyAttesters: (maximum) => [
    `The list holds ${maximum} attesters at most.`,
    'Remove one first.',
  ],
  Reputation_LastAttester: (attester) => [`${attester} is the last attester.`, 'Add its successor first.'],
  Reputation_DayNotOver: (day, from) => [
    `Day ${day} can be attested from ${moment(from)}.`,
    'Wait until then.',
  ],
  Reputation_DayTooOld: (day, oldest) => [
    `Day ${day} is out of the window, whose first day is ${oldest}.`,
    'Attest a later day.',
  ],
  Reputation_TooManyMissed: (node, missed, maximum) => [
    `Node ${node} cannot have missed ${missed} beats: a day has ${maximum}.`,
    'Count again.',
  ],
  Reputation_BadRange: (firstGroup, words, maximum) => [
    `${words} words from group ${firstGroup} do not go into one call.`,
    `Send 1 to ${maximum} words, and none beyond the last node.`,
  ],
  PremiumStake_NotOperator: (node, operator, caller) =>
    only(`the operator of node ${node}`, operator, caller),
  PremiumStake_UptimeTooLow: (node, uptimeBps, minimum) => [
    `The uptime of node ${node} is ${uptimeBps} bps or unknown; a stake takes ${minimum}.`,
    'Keep the node up, and stake once attesters have said so.',
  ],
  PremiumStake_TooFewCompletions: (node, completed, minimum) => [
    `Node ${node} has completed ${completed} leases; a stake takes ${minimum}.`,
    'Stake when it has completed more.',
  ],
  PremiumStake_StakeTooSmall: (node, stake, minimum) => [
    `A stake of ${usdc(stake)} for node ${node} is too small: it begins at ${usdc(minimum)}.`,
    'Stake more.',
  ],
  PremiumStake_BondedTooLow: (node, bonded, needed) => [
    `${usdc(bonded)} are staked for node ${node}, less than ${usdc(needed)}.`,
    'Unbond less.',
  ],
  PremiumStake_ZeroAmount: () => ['An amount of zero does nothing.', 'Give an amount.'],
  PremiumStake_Locked: (node, lockedUntil) => [
    `The stake for node ${node} is locked until ${moment(lockedUntil)}.`,
    'Wait until then.',
  ],
  PremiumStake_BadLock: (lockedUntil, earliest, latest) => [
    `A lock until ${moment(lockedUntil)} is not possible.`,
    `Choose a time from ${moment(earliest)} to ${moment(latest)}.`,
  ],
  PremiumStake_NothingUnbonding: (node) => [
    `Nothing is being unbonded for node ${node}.`,
    'Start to unbond first.',
  ],
  PremiumStake_StillUnbonding: (node, from) => [
    `The stake for node ${node} can be withdrawn from ${moment(from)}.`,
    'Wait until then.',
  ],
  PremiumStake_ShortTransfer: (received, amount) => [
    `${received} units arrived of ${amount}: the token takes a fee.`,
    'Such a token cannot be staked.',
  ],
  PremiumStake_ZeroMinimum: () => ['The minimum stake cannot be zero.', 'Deploy with a minimum.'],
}
