// Terms, ids and the fold of a lease's logs. Mirrors contracts/src/types/DataTypes.sol.
import { type Address, encodeAbiParameters, type Hex, keccak256 } from 'viem'
import { leaseEscrowAbi } from './abi/index.ts'
import type { ProtocolEvent } from './events.ts'
import type { Resources } from './pricing.ts'

/** Mirror of Solidity `Terms`; see DataTypes.sol for every unit. */
export type Terms = Resources & {
  tenant: Address
  node: number
  region: Hex
  maxPricePerHour: bigint
  deposit: bigint
  holdBack: number
  minNotice: number
  activateWithin: number
  template: number
  templateVersion: number
  maxTemplateFee: bigint
  manifestHash: Hex
  salt: Hex
}

export const LEASE_STATUSES = ['None', 'Requested', 'Assigned', 'Active', 'Ended'] as const
export type LeaseStatus = (typeof LEASE_STATUSES)[number]

export const END_REASONS = [
  'None',
  'ClosedByTenant',
  'ReclaimedByOperator',
  'Depleted',
  'Expired',
  'Cancelled',
] as const
export type EndReason = (typeof END_REASONS)[number]

const termsParameter = (() => {
  const open = leaseEscrowAbi.find((item) => item.type === 'function' && item.name === 'open')
  return (open as Extract<typeof open, { name: 'open' }>).inputs[0]
})()

/** `keccak256(abi.encode(chainId, escrow, terms))`, as `LeaseEscrow.leaseIdOf` computes it. */
export const leaseIdOf = (chainId: number, escrow: Address, terms: Terms): Hex =>
  keccak256(
    encodeAbiParameters(
      [{ type: 'uint256' }, { type: 'address' }, termsParameter],
      [BigInt(chainId), escrow, terms],
    ),
  )

/** What the logs of one lease say, folded. Times are unix seconds; money is µUSDC. */
export type LeaseView = {
  leaseId: Hex
  status: Exclude<LeaseStatus, 'None'>
  tenant: Address
  terms: Terms
  /** The sealed manifest that rode along, `0x` when none did. */
  manifest: Hex
  requestedAtBlock: bigint
  node: number
  pricePerHour: bigint
  minCharge: number
  notice: number
  platformBps: number
  relay: number
  relayBps: number
  activateBy: number
  startedAt: number
  hostKeyFingerprint: Hex | null
  deposited: bigint
  settled: bigint
  /** What earlier paid segments cost; see billing.ts. */
  paidBefore: bigint
  credited: number
  holdBack: number
  endReason: EndReason
  endedAt: number
  due: bigint
  refunded: bigint
}

/**
 * One step of the fold. Every event carries cumulative values, so applying one twice changes nothing.
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
      return { ...lease, ...frozen, status: forward(lease.status, 'Assigned') }
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

// A replayed older event never moves a lease back.
const forward = (from: LeaseView['status'], to: LeaseView['status']) =>
  LEASE_STATUSES.indexOf(from) > LEASE_STATUSES.indexOf(to) ? from : to

// A top-up that moves the start follows a depletion: all that was paid in before it has been used up.
const toppedUp = (lease: LeaseView, { deposited, startedAt }: { deposited: bigint; startedAt: number }) => ({
  ...lease,
  deposited,
  startedAt,
  paidBefore: startedAt === lease.startedAt ? lease.paidBefore : lease.deposited,
  credited: startedAt === lease.startedAt ? lease.credited : 0,
})

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
  activateBy: 0,
  startedAt: 0,
  hostKeyFingerprint: null,
  deposited: event.args.terms.deposit,
  settled: 0n,
  paidBefore: 0n,
  credited: 0,
  holdBack: event.args.terms.holdBack,
  endReason: 'None',
  endedAt: 0,
  due: 0n,
  refunded: 0n,
})
