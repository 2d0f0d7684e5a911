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

/**
 * µUSDC per hour, rounded up once, at the end:
 * `ceil((units·point/12 + MiB·memory/1024 + GiB·disk + gpus·gpu) × multiplier) + rate`.
 */
export const pricePerHour = (r: Resources, prices: Prices, policy: PolicyParameters): bigint => {
  const resourceCost =
    pointUnits(r, policy) * prices.point * (DENOMINATOR / UNITS_PER_POINT) +
    BigInt(r.memoryMiB) * prices.memoryGiB * (DENOMINATOR / MIB_PER_GIB) +
    BigInt(r.diskGiB) * prices.diskGiB * DENOMINATOR +
    BigInt(r.gpus) * prices.gpu * DENOMINATOR
  const multiplied = resourceCost * policy.bandwidthMultiplierBps[r.bandwidth]!
  return divUp(multiplied, DENOMINATOR * BPS) + policy.bandwidthRates[r.bandwidth]!
}
