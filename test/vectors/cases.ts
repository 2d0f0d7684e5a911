// The inputs of the vectors: edges picked by hand, then a seeded walk between them. Language-neutral on disk: every
// number is a decimal string.
import fc from 'fast-check'

export type PricingCase = {
  pointUnits: bigint
  memoryMiB: bigint
  diskGiB: bigint
  gpus: bigint
  node: PriceVector
  defaults: PriceVector
  floors: PriceVector
  multiplierBps: bigint
  bandwidthRate: bigint
}
export type PriceVector = { point: bigint; memoryGiB: bigint; diskGiB: bigint; gpu: bigint }
export type BillingCase = {
  pricePerHour: bigint
  paidBefore: bigint
  deposited: bigint
  startedAt: bigint
  credited: bigint
  timestamp: bigint
}
export type SharesCase = { amount: bigint; platformBps: bigint; relayBps: bigint }

const FLOORS: PriceVector = { point: 5_000n, memoryGiB: 2_500n, diskGiB: 50n, gpu: 50_000n }
const DEFAULTS: PriceVector = { point: 10_000n, memoryGiB: 5_000n, diskGiB: 100n, gpu: 100_000n }
const NONE: PriceVector = { point: 0n, memoryGiB: 0n, diskGiB: 0n, gpu: 0n }
const TIERS = [12n, 8n, 6n, 3n]
const BANDWIDTH = [
  [8_000n, 5_000n],
  [10_000n, 15_000n],
  [12_000n, 40_000n],
  [15_000n, 40_000n],
] as const

const priceVector = fc.record({
  point: fc.bigInt(1n, 1_000_000n),
  memoryGiB: fc.bigInt(1n, 500_000n),
  diskGiB: fc.bigInt(1n, 10_000n),
  gpu: fc.bigInt(1n, 10_000_000n),
})

export const pricingCase: fc.Arbitrary<PricingCase> = fc.record({
  pointUnits: fc.bigInt(1n, 65_535n),
  memoryMiB: fc.bigInt(1n, 2n ** 24n - 1n),
  diskGiB: fc.bigInt(1n, 65_535n),
  gpus: fc.bigInt(0n, 255n),
  node: fc.oneof(fc.constant(NONE), priceVector),
  defaults: priceVector,
  floors: priceVector,
  multiplierBps: fc.bigInt(5_000n, 30_000n),
  bandwidthRate: fc.bigInt(0n, 1_000_000n),
})

export const billingCase: fc.Arbitrary<BillingCase> = fc
  .record({
    // A floor price at least: below it, times leave the integers that a JavaScript number holds.
    pricePerHour: fc.bigInt(5_000n, 2n ** 56n - 1n),
    paidBefore: fc.oneof(fc.constant(0n), fc.bigInt(0n, 2n ** 62n)),
    more: fc.bigInt(1n, 2n ** 52n),
    startedAt: fc.bigInt(1_600_000_000n, 4_000_000_000n),
    credited: fc.oneof(fc.constant(0n), fc.bigInt(0n, 200_000n)),
    offset: fc.bigInt(-300_000n, 400_000_000n),
  })
  .map(({ more, offset, ...rest }) => ({
    ...rest,
    deposited: rest.paidBefore + more,
    timestamp: rest.startedAt + offset,
  }))

export const sharesCase: fc.Arbitrary<SharesCase> = fc.record({
  amount: fc.oneof(fc.bigInt(0n, 1_000n), fc.bigInt(0n, 2n ** 64n - 1n)),
  platformBps: fc.bigInt(0n, 1_500n),
  relayBps: fc.bigInt(0n, 2_000n),
})

const handPricing: PricingCase[] = [NONE, FLOORS, { ...FLOORS, point: 4_999n }].flatMap((node) =>
  TIERS.flatMap((units) =>
    BANDWIDTH.map(([multiplierBps, bandwidthRate]) => ({
      pointUnits: units * 3n,
      memoryMiB: 1_537n,
      diskGiB: 7n,
      gpus: 1n,
      node,
      defaults: DEFAULTS,
      floors: FLOORS,
      multiplierBps,
      bandwidthRate,
    })),
  ),
)

const START = 1_800_000_000n
const handBilling: BillingCase[] = [0n, 1n, 3_599n, 3_600n, 3_601n, 315_360_000n, -1n, -3_600n].flatMap(
  (offset) =>
    [0n, 60n].flatMap((credited) =>
      [0n, 123_456n].map((paidBefore) => ({
        pricePerHour: 31_001n,
        paidBefore,
        deposited: paidBefore + 1_000_000n,
        startedAt: START,
        credited,
        timestamp: START + offset,
      })),
    ),
)

// Two cuts on the gross would dip at 20, 40, 60 … units.
const handShares: SharesCase[] = [0n, 1n, 19n, 20n, 21n, 40n, 60n, 999_999n, 2n ** 64n - 1n].flatMap(
  (amount) => [
    { amount, platformBps: 0n, relayBps: 0n },
    { amount, platformBps: 500n, relayBps: 1_000n },
    { amount, platformBps: 1_500n, relayBps: 2_000n },
  ],
)

// With the hand-picked ones, over two thousand.
const RANDOM = 650

/** The inputs on disk: the same for everyone, whatever the seed of a run. */
export const fixedCases = () => ({
  pricing: [...handPricing, ...fc.sample(pricingCase, { numRuns: RANDOM, seed: 20_261_121 })],
  billing: [...handBilling, ...fc.sample(billingCase, { numRuns: RANDOM, seed: 20_261_121 })],
  shares: [...handShares, ...fc.sample(sharesCase, { numRuns: RANDOM, seed: 20_261_121 })],
})
