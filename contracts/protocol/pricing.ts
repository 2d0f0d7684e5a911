// Mirror of contracts/src/libraries/Pricing.sol. Both read contracts/vectors/pricing.json in their tests; a change to
// one without the other fails there.
import { BPS, divUp, MIB_PER_GIB, UNITS_PER_POINT } from './units.ts'

/** µUSDC per hour: per compute point, per GiB of memory, per GiB of disk, per GPU. */
export type Prices = { point: bigint; memoryGiB: bigint; diskGiB: bigint; gpu: bigint }

/** What one guest takes. `tier` and `bandwidth` are indices into the policy's tables. */
export type Resources = {
  vcpus: number
  tier: number
  bandwidth: number
  gpus: number
  memoryMiB: number
  diskGiB: number
}

/** `PricePolicy.parameters()`, read from the chain: nothing here is a constant of ours. */
export type PolicyParameters = {
  floors: Prices
  defaults: Prices
  unitsPerVcpu: readonly bigint[]
  bandwidthMultiplierBps: readonly bigint[]
  bandwidthRates: readonly bigint[]
  platformBps: bigint
}

export const QUALITY_TIERS = ['Dedicated', 'Standard', 'Balanced', 'Burstable'] as const
export const BANDWIDTH_TIERS = ['Basic', 'Standard', 'Performance', 'Unmetered'] as const
export type QualityTier = (typeof QUALITY_TIERS)[number]
export type BandwidthTier = (typeof BANDWIDTH_TIERS)[number]

// lcm(12 point-units per point, 1024 MiB per GiB): every term of the sum is exact over it.
const DENOMINATOR = 3_072n

const isZero = (p: Prices) => p.point === 0n && p.memoryGiB === 0n && p.diskGiB === 0n && p.gpu === 0n
const max = (a: bigint, b: bigint) => (a > b ? a : b)

/** The vector a lease is priced with: the node's own or the default, raised to the floor where it lies under it. */
export const effectivePrices = (
  node: Prices,
  policy: Pick<PolicyParameters, 'floors' | 'defaults'>,
): Prices => {
  const own = isZero(node) ? policy.defaults : node
  return {
    point: max(own.point, policy.floors.point),
    memoryGiB: max(own.memoryGiB, policy.floors.memoryGiB),
    diskGiB: max(own.diskGiB, policy.floors.diskGiB),
    gpu: max(own.gpu, policy.floors.gpu),
  }
}

/** Point-units that a guest takes from its node's capacity. */
export const pointUnits = (
  r: Pick<Resources, 'vcpus' | 'tier'>,
  policy: Pick<PolicyParameters, 'unitsPerVcpu'>,
): bigint => BigInt(r.vcpus) * policy.unitsPerVcpu[r.tier]!

/** The sum itself, over what the tables have been looked up for: mirror of `Pricing.pricePerHourUp`. */
export const hourlyPrice = (
  r: { pointUnits: bigint; memoryMiB: bigint; diskGiB: bigint; gpus: bigint },
  prices: Prices,
  multiplierBps: bigint,
  bandwidthRate: bigint,
): bigint => {
  const resourceCost =
    r.pointUnits * prices.point * (DENOMINATOR / UNITS_PER_POINT) +
    r.memoryMiB * prices.memoryGiB * (DENOMINATOR / MIB_PER_GIB) +
    (r.diskGiB * prices.diskGiB + r.gpus * prices.gpu) * DENOMINATOR
  return divUp(resourceCost * multiplierBps, DENOMINATOR * BPS) + bandwidthRate
}

/**
 * µUSDC per hour, rounded up once, at the end:
 * `ceil((units·point/12 + MiB·memory/1024 + GiB·disk + gpus·gpu) × multiplier) + rate`.
 * @param prices from `effectivePrices`.
 */
export const pricePerHour = (r: Resources, prices: Prices, policy: PolicyParameters): bigint =>
  hourlyPrice(
    {
      pointUnits: pointUnits(r, policy),
      memoryMiB: BigInt(r.memoryMiB),
      diskGiB: BigInt(r.diskGiB),
      gpus: BigInt(r.gpus),
    },
    prices,
    policy.bandwidthMultiplierBps[r.bandwidth]!,
    policy.bandwidthRates[r.bandwidth]!,
  )
