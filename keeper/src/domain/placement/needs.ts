// What a request asks of any node, held to the bounds that LeaseDesk holds it to. What fails here fails on every node.
import {
  hourlyPrice,
  MAX_ACTIVATE_WITHIN,
  MAX_HOLD_BACK,
  MAX_PLATFORM_BPS,
  MIN_ACTIVATE_WITHIN,
  MIN_RUNWAY,
  type PolicyParameters,
  type Prices,
  SECONDS_PER_HOUR,
  UNITS_PER_POINT,
} from '@decloud/protocol'
import { type Refusal, refuse } from './refusal.ts'
import type { Moment, Needs, PlacementRequest } from './types.ts'

/** The escrow keeps an hour's price in 48 bits, units and disk in 16, memory in 24. */
const MAX_PRICE = 2n ** 48n - 1n
const MAX_16 = 2 ** 16 - 1
const MAX_24 = 2 ** 24 - 1

export type Asked = {
  needs: Needs
  multiplierBps: bigint
  bandwidthRate: bigint
  /** µUSDC per hour at the platform's defaults: what other prices are compared with. */
  usualPrice: bigint
}

/** @returns what is asked, or why no node can ever take it. */
export const askedOf = (
  { terms, activateBy }: PlacementRequest,
  policy: PolicyParameters,
  { timestamp }: Moment,
): Asked | Refusal => {
  if (timestamp > activateBy) return refuse('lapsed', timestamp, activateBy)
  const unitsPerVcpu = policy.unitsPerVcpu[terms.tier]
  const multiplierBps = policy.bandwidthMultiplierBps[terms.bandwidth]
  const bandwidthRate = policy.bandwidthRates[terms.bandwidth]
  if (unitsPerVcpu === undefined) return refuse('tier', terms.tier, policy.unitsPerVcpu.length - 1)
  if (multiplierBps === undefined || bandwidthRate === undefined) {
    return refuse('bandwidth', terms.bandwidth, policy.bandwidthRates.length - 1)
  }
  if (policy.platformBps > MAX_PLATFORM_BPS)
    return refuse('platform-cut', policy.platformBps, MAX_PLATFORM_BPS)
  if (unitsPerVcpu > UNITS_PER_POINT) return refuse('units-per-vcpu', unitsPerVcpu, UNITS_PER_POINT)
  const { memoryMiB, diskGiB, gpus } = terms
  const needs = { pointUnits: terms.vcpus * Number(unitsPerVcpu), memoryMiB, diskGiB, gpus }
  const bounded = boundsOf(needs, terms)
  if (bounded !== null) return bounded
  const asked = { needs, multiplierBps, bandwidthRate }
  return { ...asked, usualPrice: priceOf(asked, policy.defaults) }
}

const boundsOf = (needs: Needs, terms: PlacementRequest['terms']): Refusal | null => {
  if (needs.pointUnits < 1 || needs.pointUnits > MAX_16) return refuse('vcpus', needs.pointUnits, MAX_16)
  if (needs.memoryMiB < 1 || needs.memoryMiB > MAX_24) return refuse('memory-size', needs.memoryMiB, MAX_24)
  if (needs.diskGiB < 1 || needs.diskGiB > MAX_16) return refuse('disk-size', needs.diskGiB, MAX_16)
  if (terms.holdBack > MAX_HOLD_BACK) return refuse('hold-back', terms.holdBack, MAX_HOLD_BACK)
  const within = terms.activateWithin
  if (within !== 0 && (within < MIN_ACTIVATE_WITHIN || within > MAX_ACTIVATE_WITHIN)) {
    return refuse('activate-within', within, MAX_ACTIVATE_WITHIN)
  }
  return null
}

/** µUSDC per hour of what is asked. @param prices effective ones. */
export const priceOf = (asked: Omit<Asked, 'usualPrice'>, prices: Prices): bigint =>
  hourlyPrice(
    {
      pointUnits: BigInt(asked.needs.pointUnits),
      memoryMiB: BigInt(asked.needs.memoryMiB),
      diskGiB: BigInt(asked.needs.diskGiB),
      gpus: BigInt(asked.needs.gpus),
    },
    prices,
    asked.multiplierBps,
    asked.bandwidthRate,
  )

/**
 * The bounds of an hour's price on a node with this minimum charge, in the order in which the contract looks: the
 * tenant's maximum, what the escrow can store, and where the deposit would no longer buy the least runway.
 * `costUp(price, seconds) ≤ deposited` is `price × seconds ≤ 3600 × deposited`.
 */
export const priceBounds = (
  { terms, deposited }: PlacementRequest,
  minCharge: number,
): readonly (readonly ['price' | 'price-range' | 'runway', bigint])[] => [
  ['price', terms.maxPricePerHour],
  ['price-range', MAX_PRICE],
  ['runway', (deposited * SECONDS_PER_HOUR) / BigInt(Math.max(minCharge, MIN_RUNWAY))],
]
