// What the escrow, its desk, quorum and mandates refuse.
import { LEASE_STATUSES } from '../lease.ts'
import { moment, only, outOf, type Refusals, usdc } from './shape.ts'

const RESOURCES: Readonly<Record<string, string>> = {
  compute: 'point-units of compute',
  memory: 'MiB of memory',
  disk: 'GiB of disk',
  gpu: 'GPUs',
}

export const escrowRefusals: Refusals<
  'LeaseEscrow' | 'Ledger' | 'Guard' | 'Pointers' | 'DowntimeQuorum' | 'LeaseMandates'
> = {
  LeaseEscrow_NotTenant: (_, tenant, caller) => only('the tenant of the lease', tenant, caller),
  LeaseEscrow_AlreadyOpened: (leaseId) => [
    `Exactly these terms were opened before, as lease ${leaseId}.`,
    'Use that lease, or choose another salt.',
  ],
  LeaseEscrow_WrongStatus: (leaseId, status) => [
    `Lease ${leaseId} is ${LEASE_STATUSES[status] ?? status}: this is not possible then.`,
    'Read its state again; check the id when it is None.',
  ],
  LeaseEscrow_DepositTooSmall: (amount, minimum) => [
    `${usdc(amount)} are too little: at this price at least ${usdc(minimum)} must be paid in.`,
    'Pay in more.',
  ],
  LeaseEscrow_DepositTooLarge: (amount, maximum) => [
    `${usdc(amount)} are too much: a lease holds at most ${usdc(maximum)}.`,
    'Pay in less; it can be topped up later.',
  ],
  LeaseEscrow_NotAgent: (_, agent, caller) => only("the agent of the lease's node", agent, caller),
  LeaseEscrow_NotAssigner: (_, agent, from, caller) => [
    `${caller} may not assign this request: until ${moment(from)} only the scheduler may, then the node's agent ${agent} too.`,
    'Wait until then, or send it from one of these accounts.',
  ],
  LeaseEscrow_RequestLapsed: (leaseId, lapsedAt) => [
    `Nobody took the request ${leaseId} before ${moment(lapsedAt)}.`,
    'Expire it: the whole deposit goes back to its tenant. Then open it anew.',
  ],
  LeaseEscrow_BadStack: (leases, manifests) => [
    `A stack of ${leases} leases came with ${manifests} manifests.`,
    'Give at least one lease, and one manifest for each.',
  ],
  LeaseEscrow_NotOperator: (_, operator, caller) =>
    only("the operator of the lease's node", operator, caller),
  LeaseEscrow_ReclaimNotDue: (leaseId, from, until) =>
    from === 0n
      ? [`No notice was given for lease ${leaseId}.`, 'Start the reclaim first, and wait out the notice.']
      : [
          `Lease ${leaseId} can be reclaimed from ${moment(from)} to ${moment(until)}.`,
          'Wait until then; when it is over, give notice again.',
        ],
  LeaseEscrow_NothingCreditable: (leaseId) => [
    `All that was due for lease ${leaseId} has vested or is credited already.`,
    'Nothing can be given back; a later failure can be credited within the hold-back.',
  ],
  LeaseEscrow_BadRelay: (leaseId, relay) => [
    `Relay ${relay} cannot serve lease ${leaseId}: the lease runs behind none, or the relay never had a lease.`,
    'Choose a relay that has served a lease before.',
  ],
  LeaseEscrow_FeeNotDue: (leaseId, from) =>
    from === 0n
      ? [`Lease ${leaseId} holds no template fee.`, 'There is nothing to release.']
      : [`The template fee of lease ${leaseId} can be released from ${moment(from)}.`, 'Wait until then.'],
  LeaseEscrow_ActivationTooLate: (leaseId, activateBy) => [
    `Lease ${leaseId} had to be activated by ${moment(activateBy)}.`,
    'Do not start the machine: anyone may expire the lease, and its tenant is paid back.',
  ],
  LeaseEscrow_NotExpiredYet: (leaseId, activateBy) => [
    `Lease ${leaseId} may still be taken up until ${moment(activateBy)}.`,
    'Expire it after that; its tenant may close it at once.',
  ],
  LeaseEscrow_NotEndableYet: (leaseId, from) => [
    `Lease ${leaseId} can be ended by others only from ${moment(from)}.`,
    'Wait until then; its tenant may close it at once.',
  ],
  LeaseEscrow_NodeNotActive: (node) => [
    `Node ${node} is not registered or takes no new leases.`,
    'Choose another node.',
  ],
  LeaseEscrow_PriceAboveMaximum: (_, price, maximum) => [
    `The node asks ${usdc(price)} an hour, more than the ${usdc(maximum)} that were agreed to.`,
    'Agree to the new price, or choose another node.',
  ],
  LeaseEscrow_PriceOutOfRange: (price, maximum) => [
    `A price of ${usdc(price)} an hour cannot be charged: it must be over zero and at most ${usdc(maximum)}.`,
    'Choose another size or another node.',
  ],
  LeaseEscrow_TermOutOfRange: outOf,
  LeaseEscrow_NoticeTooShort: (node, notice, minimum) => [
    `Node ${node} gives ${notice} s of notice before it reclaims a machine, less than the ${minimum} s asked for.`,
    'Ask for less notice, or choose another node.',
  ],
  LeaseEscrow_AboveCap: (figure, value, cap) => [
    `The market names ${figure} ${value}, above the ${cap} that the contract allows.`,
    'Choose another node or template; when all are refused, tell who runs the market.',
  ],
  LeaseEscrow_RegionMismatch: (node, region, wanted) => [
    `Node ${node} is in region ${region}, not in ${wanted}.`,
    'Choose a node of that region, or ask for none.',
  ],
  LeaseEscrow_TemplateNotActive: (template, version) => [
    `Version ${version} of template ${template} is not on offer.`,
    'Choose another version or template.',
  ],
  LeaseEscrow_TemplateFeeAboveMaximum: (template, fee, maximum) => [
    `Template ${template} costs ${usdc(fee)}, more than the ${usdc(maximum)} that were agreed to.`,
    'Agree to the fee, or choose another template.',
  ],
  LeaseEscrow_TemplateNeedsMore: (template, resource, asked, needed) => [
    `Template ${template} needs ${resource} ${needed}; the terms ask for ${asked}.`,
    'Choose a larger machine.',
  ],
  LeaseEscrow_NoCapacity: (node, resource, needed, free) => [
    `Node ${node} has ${free} ${RESOURCES[resource] ?? resource} free; the lease needs ${needed}.`,
    'Choose a smaller machine or another node.',
  ],
  Ledger_BalanceTooLow: (account, balance, needed) => [
    `The balance of ${account} is ${usdc(balance)}; this takes ${usdc(needed)}.`,
    'Deposit the difference first, or pay from the wallet.',
  ],
  Ledger_EarnedTooLow: (node, earned, needed) => [
    `Node ${node} has earned ${usdc(earned)}, less than ${usdc(needed)}.`,
    'Settle its leases first, or withdraw less.',
  ],
  Ledger_NotPayee: (node, payee, caller) => only(`the payee of node ${node}`, payee, caller),
  Ledger_NotPendingPayee: (node, pending, caller) =>
    only(`the account proposed as payee of node ${node}`, pending, caller),
  Ledger_BadRecipient: (to) => [`Money cannot be sent to ${to}.`, 'Name an account of your own.'],
  Ledger_ZeroAmount: () => ['An amount of zero does nothing.', 'Give an amount.'],
  Ledger_TransferFailed: (from, to, amount) => [
    `USDC refused to move ${usdc(amount)} from ${from} to ${to}.`,
    'See whether the account holds that much, has allowed it, and is not blocked by Circle.',
  ],
  Ledger_NotMandates: (caller) => [
    `${caller} may not act for an account: only the contract that checks signatures may.`,
    'Send the signature to LeaseMandates.',
  ],
  Ledger_OnlySelf: (caller) => [
    `${caller} may not call this: only the escrow itself may.`,
    'Call close or withdraw.',
  ],
  Guard_Paused: (until) => [
    `New business is paused until ${moment(until)}; machines go on running.`,
    'Try again then. Closing a lease and withdrawing work all the time.',
  ],
  Guard_NotGuardian: (guardian, caller) => only('the guardian', guardian, caller),
  Guard_TooSoon: (from) => [`The guardian may pause again from ${moment(from)}.`, 'Wait until then.'],
  Pointers_NothingAnnounced: () => [
    'No move of the pointers is announced.',
    'Announce it; it applies seven days later.',
  ],
  Pointers_TooEarly: (from) => [`The announced move applies from ${moment(from)}.`, 'Wait until then.'],
  Pointers_NoCode: (target) => [`There is no contract at ${target}.`, 'Check the address.'],
  DowntimeQuorum_BadList: (attesters, quorum, leastAttesters, leastQuorum) => [
    `${attesters} attesters with a quorum of ${quorum} do not do: it takes at least ${leastAttesters}, none twice, and a quorum from ${leastQuorum} to all of them.`,
    'Correct the list.',
  ],
  DowntimeQuorum_NotAttester: (caller) => [`${caller} is no attester.`, 'Vote from an account on the list.'],
  DowntimeQuorum_VotedAlready: (leaseId, attester) => [
    `${attester} has voted for this credit of lease ${leaseId}.`,
    'Wait for the other attesters.',
  ],
  LeaseMandates_Expired: (deadline) => [
    `The signature was good until ${moment(deadline)}.`,
    'Sign again with a later deadline.',
  ],
  LeaseMandates_BadSignature: (signer) => [
    `The signature is not that of ${signer} over these figures on this chain.`,
    'Sign exactly what is sent, with that account, for this deployment.',
  ],
  LeaseMandates_NonceUsed: (signer, nonce) => [
    `${signer} has used or cancelled nonce ${nonce}.`,
    'Sign again with another nonce.',
  ],
  LeaseMandates_NotRenewableYet: (leaseId, from) => [
    `Lease ${leaseId} can be renewed from ${moment(from)}.`,
    'Wait until then.',
  ],
  LeaseMandates_RenewalSpent: (leaseId, amount, budget) => [
    `For lease ${leaseId} the tenant allows ${usdc(budget)} more; one renewal takes ${usdc(amount)}.`,
    'Its tenant may set new bounds, or top it up.',
  ],
}
