// What this node does on chain by itself, without any keeper. Pure: times of the chain are unix seconds, those of the
// node's own clock Unix milliseconds, money is µUSDC.
import {
  effectivePrices,
  HEAD_START,
  type LeaseView,
  MIN_RUNWAY,
  type PolicyParameters,
  type Prices,
  pointUnits,
  pricePerHour,
  REQUEST_LIFE,
  SECONDS_PER_HOUR,
} from '@decloud/protocol'
import { concatHex, type Hex, keccak256, numberToHex } from 'viem'
import type { Outage } from './outage.ts'

/** Longest wait after the scheduler's head start, in seconds: nodes that fit the same request seldom collide. */
export const CLAIM_JITTER = 30

/** Seconds in [0, CLAIM_JITTER): its own for each node and request, the same each time it is asked. */
const jitterOf = (node: number, leaseId: Hex): number =>
  Number(BigInt(keccak256(concatHex([numberToHex(node, { size: 4 }), leaseId]))) % BigInt(CLAIM_JITTER))

/** From when this node may claim a request, and does. A request is made a `REQUEST_LIFE` before it lapses. */
export const claimFrom = ({ leaseId, activateBy }: Pick<LeaseView, 'leaseId' | 'activateBy'>, node: number) =>
  activateBy - REQUEST_LIFE + HEAD_START + jitterOf(node, leaseId)

type Capacity = { pointUnits: bigint; memoryMiB: bigint; diskGiB: bigint; gpus: number }

/** This node as the contracts see it now. */
export type NodeOffer = {
  active: boolean
  region: Hex
  minCharge: number
  notice: number
  capacity: Capacity
  inUse: Capacity
  prices: Prices
}

/** What the machine itself has left, beyond what the registry knows; null where it need not be asked. */
export type MachineRoom = { memoryMiB: number; diskGiB: number } | null

export type ClaimRefusal =
  | 'drained'
  | 'lapsed'
  | 'tier'
  | 'region'
  | 'notice'
  | 'price'
  | 'runway'
  | 'compute'
  | 'memory'
  | 'disk'
  | 'gpu'

/**
 * Whether a request is for this node. Only a sieve: the contract looks at the same figures again, at its own moment.
 * @returns the first thing that does not fit, or null.
 */
export const claimRefusal = (
  { terms, deposited, activateBy }: Pick<LeaseView, 'terms' | 'deposited' | 'activateBy'>,
  offer: NodeOffer,
  policy: PolicyParameters,
  room: MachineRoom,
  chainNow: number,
): ClaimRefusal | null => {
  if (!offer.active) return 'drained'
  if (chainNow > activateBy) return 'lapsed'
  if (policy.unitsPerVcpu[terms.tier] === undefined || policy.bandwidthRates[terms.bandwidth] === undefined) {
    return 'tier'
  }
  if (BigInt(terms.region) !== 0n && BigInt(terms.region) !== BigInt(offer.region)) return 'region'
  if (offer.notice < terms.minNotice) return 'notice'
  const price = pricePerHour(terms, effectivePrices(offer.prices, policy), policy)
  if (price > terms.maxPricePerHour) return 'price'
  // Less could not pay for its own beginning: the contract refuses it.
  if (price * BigInt(Math.max(offer.minCharge, MIN_RUNWAY)) > deposited * SECONDS_PER_HOUR) return 'runway'
  const { capacity, inUse } = offer
  if (pointUnits(terms, policy) > capacity.pointUnits - inUse.pointUnits) return 'compute'
  if (BigInt(terms.memoryMiB) > capacity.memoryMiB - inUse.memoryMiB) return 'memory'
  if (BigInt(terms.diskGiB) > capacity.diskGiB - inUse.diskGiB) return 'disk'
  if (terms.gpus > capacity.gpus - inUse.gpus) return 'gpu'
  if (room !== null && terms.memoryMiB > room.memoryMiB) return 'memory'
  return room !== null && terms.diskGiB > room.diskGiB ? 'disk' : null
}

/** Seconds of outages that are worth a transaction of their own; less waits for more, but not for too long. */
const LEAST_CREDIT = 60

export type CreditPlan = {
  /** Ended outages to give back together, oldest first; none when there is nothing to do yet. */
  outages: readonly Outage[]
  /** Of all of them, rounded up: the tenant's favour. */
  seconds: number
  /** Whether an outage that lasts is to be cut here, so that its first part is given back while it still can be. */
  cut: boolean
}

/**
 * What to give back of a lease now. Only the last `holdBack` of a lease can be given back: half of that is the longest
 * that anything waits.
 * @param uncredited ended outages that no credit has been sent for.
 * @param lasting the one that goes on, if any.
 */
export const creditPlan = (
  lease: Pick<LeaseView, 'status' | 'holdBack'>,
  uncredited: readonly Outage[],
  lasting: Outage | null,
  nowMs: number,
): CreditPlan => {
  const patienceMs = (lease.holdBack * 1_000) / 2
  const isOld = ({ fromMs }: Outage) => nowMs - fromMs >= patienceMs
  const cut = lasting !== null && isOld(lasting) && nowMs > lasting.fromMs
  const outages = uncredited.filter(({ fromMs, toMs }) => toMs !== null && toMs > fromMs)
  const ms = outages.reduce((sum, { fromMs, toMs }) => sum + (toMs ?? fromMs) - fromMs, 0)
  const seconds = Math.ceil(ms / 1_000)
  const isDue = seconds >= LEAST_CREDIT || outages.some(isOld) || lease.status === 'Ended'
  return isDue && seconds > 0 ? { outages, seconds, cut } : { outages: [], seconds: 0, cut }
}

/** Seconds after the end of a notice in which the operator may reclaim. Mirrors `Caps.RECLAIM_WINDOW`. */
export const RECLAIM_WINDOW = 7 * 86_400

/**
 * What is next for a lease that its operator wants back: to give notice, to wait for its end, to take it. A notice that
 * was not used within its window is void, and a new one is given.
 */
export const reclaimStep = (
  { status, reclaimAt }: Pick<LeaseView, 'status' | 'reclaimAt'>,
  chainNow: number,
): 'notice' | 'wait' | 'reclaim' | 'over' | 'not-yet' => {
  if (status === 'Ended') return 'over'
  if (status !== 'Active') return 'not-yet'
  if (reclaimAt === 0 || chainNow >= reclaimAt + RECLAIM_WINDOW) return 'notice'
  return chainNow < reclaimAt ? 'wait' : 'reclaim'
}
