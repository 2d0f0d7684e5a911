// A lease as its logs tell it: those of the escrow, and of the mandates for its renewal.
import type { Address, Hex } from 'viem'
import { sharesDown } from './billing.ts'
import type { ContractAddresses } from './contracts.ts'
import type { ProtocolEvent } from './events.ts'
import { END_REASONS, type EndReason, LEASE_STATUSES, type LeaseStatus, type Terms } from './lease.ts'

/** Seconds that a request waits for a node before anyone may expire it. Mirror of `Caps.REQUEST_LIFE`. */
export const REQUEST_LIFE = 86_400

/** The fee of the template that the terms name. µUSDC; the three amounts sum to the fee. */
export type TemplateFee = {
  author: Address
  held: bigint
  toAuthor: bigint
  toPlatform: bigint
  /** Seconds from `startedAt` in which it goes back to the tenant if the lease ends. */
  refundWindow: number
}

/** What a tenant allows anybody to pay in from its internal balance; see ILeaseMandates.Renewal. */
export type Renewal = { amount: bigint; budget: bigint; runway: number }

/** What the logs of one lease say, folded. Times are unix seconds; money is µUSDC. */
export type LeaseView = {
  leaseId: Hex
  status: Exclude<LeaseStatus, 'None'>
  tenant: Address
  terms: Terms
  /** The sealed manifest that rode along, `0x` when none did. */
  manifest: Hex
  requestedAtBlock: bigint
  /** 0 while a request waits for its node; price and cuts come with it. */
  node: number
  pricePerHour: bigint
  minCharge: number
  notice: number
  platformBps: number
  relay: number
  relayBps: number
  /** Of a request: until when it may be assigned. */
  activateBy: number
  startedAt: number
  hostKeyFingerprint: Hex | null
  deposited: bigint
  settled: bigint
  /** What earlier paid segments cost; see billing.ts. */
  paidBefore: bigint
  credited: number
  /** 0 until the lease is assigned, as in storage. */
  holdBack: number
  /** From when the operator may reclaim, for seven days; 0 while no notice was given. */
  reclaimAt: number
  /** What relays before the present one got of `settled`. */
  formerRelays: readonly { relay: number; earned: bigint }[]
  templateFee: TemplateFee | null
  renewal: Renewal
  endReason: EndReason
  endedAt: number
  due: bigint
  refunded: bigint
}

/** The contracts whose logs about a lease have its id as their first topic and are part of the fold. */
export const leaseSources = ({ leaseEscrow, leaseMandates }: ContractAddresses): readonly Address[] => [
  leaseEscrow,
  leaseMandates,
]

/**
 * One step of the fold. Events carry cumulative values, so applying one twice in a row changes nothing.
 * @returns the lease after the event; `undefined` when the lease's own opening has not been seen.
 */
export const applyLeaseEvent = (
  lease: LeaseView | undefined,
  event: ProtocolEvent,
): LeaseView | undefined => {
  if (event.name === 'LeaseRequested') return lease ?? requested(event)
  if (lease === undefined) return undefined
  switch (event.name) {
    case 'LeaseAssigned': {
      const { leaseId: _, ...frozen } = event.args
      if (lease.status !== 'Requested') return lease
      return { ...lease, ...frozen, holdBack: lease.terms.holdBack, status: 'Assigned' }
    }
    case 'LeaseActivated':
      return {
        ...lease,
        status: forward(lease.status, 'Active'),
        startedAt: lease.startedAt === 0 ? event.args.startedAt : lease.startedAt,
        hostKeyFingerprint: event.args.hostKeyFingerprint,
      }
    case 'LeaseSettled':
      return { ...lease, settled: event.args.settled }
    case 'LeaseToppedUp':
      return toppedUp(lease, event.args)
    case 'LeaseCredited':
      return credited(lease, event.args, Number(event.timestamp))
    case 'RelaySwitched':
      return relaySwitched(lease, event.args.relay)
    case 'ReclaimStarted':
      return { ...lease, reclaimAt: event.args.reclaimAt }
    case 'TemplateFeeHeld':
      return feeHeld(lease, event.args)
    case 'TemplateFeePaid':
      return feeGone(lease, event.args)
    case 'TemplateFeeRefunded':
      return feeGone(lease, { toAuthor: 0n, toPlatform: 0n })
    case 'AutoRenewChanged': {
      const { leaseId: _, ...renewal } = event.args
      return { ...lease, renewal }
    }
    case 'LeaseEnded':
      return {
        ...lease,
        status: 'Ended',
        endReason: END_REASONS[event.args.reason] ?? 'None',
        endedAt: event.args.endedAt,
        due: event.args.due,
        refunded: event.args.refunded,
      }
    default:
      return lease
  }
}

/** What a lease has brought to each node so far: its own, every relay it had, and the platform, which is node 0. */
export const earningsOf = (lease: LeaseView): ReadonlyMap<number, bigint> => {
  const earnings = new Map<number, bigint>()
  const add = (node: number, amount: bigint) => {
    if (amount !== 0n) earnings.set(node, (earnings.get(node) ?? 0n) + amount)
  }
  const { platform, node } = sharesOf(lease)
  add(0, platform + (lease.templateFee?.toPlatform ?? 0n))
  add(lease.node, node)
  for (const { relay, earned } of lease.formerRelays) add(relay, earned)
  add(lease.relay, presentRelayEarned(lease))
  return earnings
}

const sharesOf = (lease: LeaseView) =>
  sharesDown(lease.settled, BigInt(lease.platformBps), BigInt(lease.relayBps))

const presentRelayEarned = (lease: LeaseView): bigint =>
  lease.formerRelays.reduce((rest, { earned }) => rest - earned, sharesOf(lease).relay)

// A replayed older event never moves a lease back.
const forward = (from: LeaseView['status'], to: LeaseView['status']) =>
  LEASE_STATUSES.indexOf(from) > LEASE_STATUSES.indexOf(to) ? from : to

// A top-up that moves the start follows a depletion: all that was paid in before it has been used up.
const toppedUp = (
  lease: LeaseView,
  { deposited, startedAt }: { deposited: bigint; startedAt: number },
): LeaseView =>
  startedAt === lease.startedAt
    ? { ...lease, deposited }
    : {
        ...lease,
        deposited,
        startedAt,
        paidBefore: lease.deposited,
        credited: 0,
        templateFee: lease.templateFee && windowMoved(lease.templateFee, lease.startedAt, startedAt),
      }

/** The window is counted from the start of the paid segment: what was left of it stays left when that moves. */
const windowMoved = (fee: TemplateFee, from: number, to: number): TemplateFee => ({
  ...fee,
  refundWindow: Math.max(from + fee.refundWindow - to, 0),
})

const credited = (
  lease: LeaseView,
  meter: { credited: number; startedAt: number; paidBefore: bigint; due: bigint },
  at: number,
): LeaseView => {
  const { credited, startedAt, paidBefore, due } = meter
  const { templateFee } = lease
  const fee =
    startedAt === lease.startedAt ? templateFee : templateFee && windowMoved(templateFee, lease.startedAt, at)
  const moved = { credited, startedAt, paidBefore, templateFee: fee }
  if (lease.status !== 'Ended') return { ...lease, ...moved }
  // The difference went to the tenant's internal balance.
  return { ...lease, ...moved, due, refunded: lease.deposited - due }
}

const relaySwitched = (lease: LeaseView, relay: number): LeaseView =>
  relay === lease.relay
    ? lease
    : {
        ...lease,
        relay,
        formerRelays: [...lease.formerRelays, { relay: lease.relay, earned: presentRelayEarned(lease) }],
      }

const feeHeld = (
  lease: LeaseView,
  { author, fee, refundWindow }: { author: Address; fee: number; refundWindow: number },
): LeaseView => ({
  ...lease,
  deposited: lease.terms.deposit - BigInt(fee),
  templateFee: { author, held: BigInt(fee), toAuthor: 0n, toPlatform: 0n, refundWindow },
})

const feeGone = (lease: LeaseView, to: { toAuthor: bigint; toPlatform: bigint }): LeaseView => {
  if (lease.templateFee === null) return lease
  const { toAuthor, toPlatform } = to
  return { ...lease, templateFee: { ...lease.templateFee, held: 0n, toAuthor, toPlatform } }
}

const requested = (event: Extract<ProtocolEvent, { name: 'LeaseRequested' }>): LeaseView => ({
  leaseId: event.args.leaseId,
  status: 'Requested',
  tenant: event.args.tenant,
  terms: event.args.terms,
  manifest: event.args.manifest,
  requestedAtBlock: event.blockNumber,
  node: event.args.terms.node,
  pricePerHour: 0n,
  minCharge: 0,
  notice: 0,
  platformBps: 0,
  relay: 0,
  relayBps: 0,
  activateBy: Number(event.timestamp) + REQUEST_LIFE,
  startedAt: 0,
  hostKeyFingerprint: null,
  deposited: event.args.terms.deposit,
  settled: 0n,
  paidBefore: 0n,
  credited: 0,
  holdBack: 0,
  reclaimAt: 0,
  formerRelays: [],
  templateFee: null,
  renewal: { amount: 0n, budget: 0n, runway: 0 },
  endReason: 'None',
  endedAt: 0,
  due: 0n,
  refunded: 0n,
})
