// Random worlds for tests and benches, by seed. `wild` ones sit on the edges of every bound; tame ones look like a market.
import type { PolicyParameters, Prices } from '@decloud/protocol'
import { type Address, type Hex, keccak256, toHex, zeroAddress, zeroHash } from 'viem'
import { randomFrom } from '../../../test/world/random.ts'
import type { PlacementNode, PlacementRequest } from '../../src/domain/placement/types.ts'

export type Random = {
  /** From `least` to `most`, both included. */
  int(least: number, most: number): number
  pick<item>(items: readonly item[]): item
  /** True once in `n` times. */
  once(n: number): boolean
}

/** The same seed, the same world. */
export const makeRandom = (seed: number): Random => {
  const next = randomFrom(seed)
  const int = (least: number, most: number) => least + Math.floor(next() * (most - least + 1))
  return { int, pick: (items) => items[int(0, items.length - 1)]!, once: (n) => int(1, n) === 1 }
}

export const POLICY: PolicyParameters = {
  floors: { point: 5_000n, memoryGiB: 2_500n, diskGiB: 50n, gpu: 50_000n },
  defaults: { point: 10_000n, memoryGiB: 5_000n, diskGiB: 100n, gpu: 100_000n },
  unitsPerVcpu: [12n, 8n, 6n, 3n],
  bandwidthMultiplierBps: [8_000n, 10_000n, 12_000n, 15_000n],
  bandwidthRates: [5_000n, 15_000n, 40_000n, 40_000n],
  platformBps: 0n,
}
const NO_PRICES: Prices = { point: 0n, memoryGiB: 0n, diskGiB: 0n, gpu: 0n }

export const regionOf = (nth: number): Hex => toHex(`r${nth}`, { size: 8 })
const addressOf = (nth: number): Address => toHex(nth, { size: 20 })
const EXTREMES = [1, 2 ** 8, 2 ** 16 - 1, 2 ** 16, 2 ** 24, 2 ** 32 - 1] as const

const pricesOf = (random: Random, wild: boolean): Prices => {
  if (random.once(3)) return NO_PRICES
  const scaled = (floor: number) =>
    BigInt(wild && random.once(6) ? random.int(0, 2 ** 40 - 1) : random.int(floor, floor * 4))
  return { point: scaled(5_000), memoryGiB: scaled(2_500), diskGiB: scaled(50), gpu: scaled(50_000) }
}

export const tameNode = (random: Random, node: number, shape: { regions: number; operators: number }) => {
  const cores = random.pick([8, 16, 32, 48, 64, 96])
  return {
    node,
    operator: addressOf(1 + random.int(1, shape.operators)),
    agent: addressOf(1_000_000 + node),
    active: true,
    region: regionOf(random.int(1, shape.regions)),
    minCharge: random.pick([0, 60, 300]),
    notice: random.pick([0, 3_600, 86_400]),
    capacity: {
      pointUnits: BigInt(cores * random.int(10, 18)),
      memoryMiB: BigInt(cores * 4_096),
      diskGiB: BigInt(cores * 40),
      gpus: random.once(10) ? random.int(1, 8) : 0,
    },
    inUse: { pointUnits: 0n, memoryMiB: 0n, diskGiB: 0n, gpus: 0 },
    prices: pricesOf(random, false),
    sealingKey: keccak256(toHex(node)),
    tags: random.once(5) ? ['nvme'] : [],
    online: random.once(50) ? ('unknown' as const) : !random.once(40),
    uptimeBps: random.once(20) ? null : 10_000 - random.int(0, 300),
    activated: random.int(0, 60),
    lapsed: random.once(4) ? random.int(0, 3) : 0,
  } satisfies PlacementNode
}

export const wildNode = (random: Random, node: number): PlacementNode => {
  const tame = tameNode(random, node, { regions: 3, operators: 4 })
  const size = () => BigInt(random.once(3) ? random.pick(EXTREMES) : random.int(1, 4_000))
  const part = (whole: bigint) => (whole * BigInt(random.int(0, 5))) / 4n
  const capacity = { pointUnits: size(), memoryMiB: size() * 4n, diskGiB: size(), gpus: random.int(0, 3) }
  return {
    ...tame,
    ...(random.once(8) ? { active: false } : {}),
    ...(random.once(30) ? { agent: zeroAddress } : {}),
    ...(random.once(30) ? { sealingKey: zeroHash } : {}),
    minCharge: random.pick([0, 1, 59, 60, 61, 299, 300]),
    capacity,
    // Over the capacity at times: an operator may lower it under what is in use.
    inUse: {
      pointUnits: part(capacity.pointUnits),
      memoryMiB: part(capacity.memoryMiB),
      diskGiB: part(capacity.diskGiB),
      gpus: random.int(0, 3),
    },
    prices: pricesOf(random, true),
    tags: ['nvme', 'eu', 'green'].filter(() => random.once(2)),
    online: random.pick([true, true, false, 'unknown']),
    activated: random.int(0, 3),
    lapsed: random.int(0, 3),
  }
}

export const tameRequest = (random: Random, nth: number, shape: { regions: number }): PlacementRequest => {
  const vcpus = random.pick([1, 1, 2, 2, 4, 8])
  return requestOf(nth, {
    vcpus,
    tier: random.int(0, 3),
    bandwidth: random.int(0, 3),
    gpus: random.once(30) ? 1 : 0,
    memoryMiB: vcpus * random.pick([1_024, 2_048, 4_096]),
    diskGiB: random.pick([10, 20, 40]),
    region: random.once(3) ? regionOf(random.int(1, shape.regions)) : '0x0000000000000000',
    maxPricePerHour: BigInt(random.pick([100_000, 300_000, 1_000_000, 10_000_000])),
    minNotice: random.once(5) ? 3_600 : 0,
    tenant: addressOf(5_000_000 + random.int(1, 2_000)),
  })
}

export const wildRequest = (random: Random, nth: number): PlacementRequest => ({
  ...requestOf(nth, {
    vcpus: random.once(12) ? random.pick([0, 8_191, 8_192, 65_535]) : random.int(1, 40),
    tier: random.once(20) ? 4 : random.int(0, 3),
    bandwidth: random.once(20) ? 4 : random.int(0, 3),
    gpus: random.once(3) ? random.int(1, 3) : 0,
    memoryMiB: random.once(12) ? random.pick([0, 2 ** 24 - 1, 2 ** 24]) : random.int(1, 6_000),
    diskGiB: random.once(12) ? random.pick([0, 2 ** 16 - 1, 2 ** 16]) : random.int(1, 1_000),
    region: random.once(2) ? '0x0000000000000000' : regionOf(random.int(1, 4)),
    maxPricePerHour: random.once(3) ? 2n ** 64n - 1n : BigInt(random.int(0, 2_000_000)),
    deposit: random.once(3) ? BigInt(random.int(0, 20_000)) : random.pick([10n ** 9n, 2n ** 64n - 1n]),
    holdBack: random.pick([0, 60, 86_400, 86_400, random.once(9) ? 86_401 : 5]),
    activateWithin: random.pick([0, 60, 900, 86_400, random.once(9) ? 59 : 61, random.once(9) ? 86_401 : 62]),
    minNotice: random.pick([0, 0, 3_600, 3_601]),
    tenant: addressOf(5_000_000 + random.int(1, 3)),
  }),
  tags: random.once(4) ? [random.pick(['nvme', 'eu', 'green'])] : [],
  avoid: random.once(4) ? [random.int(1, 40), random.int(1, 40)] : [],
})

export const requestOf = (nth: number, change: Partial<PlacementRequest['terms']>): PlacementRequest => {
  const terms = {
    ...{ tenant: addressOf(1), node: 0, vcpus: 1, tier: 1, bandwidth: 1, gpus: 0, memoryMiB: 1_024 },
    ...{
      diskGiB: 10,
      region: '0x0000000000000000' as const,
      maxPricePerHour: 10_000_000n,
      deposit: 10_000_000n,
    },
    ...{ holdBack: 60, minNotice: 0, activateWithin: 900, template: 0, templateVersion: 0 },
    ...{ maxTemplateFee: 0n, manifestHash: zeroHash, salt: toHex(nth, { size: 32 }) },
    ...change,
  }
  const leaseId = keccak256(toHex(nth))
  const open = { deposited: terms.deposit, activateBy: 2_000_000_000 }
  return { leaseId, terms, ...open, tags: [], avoid: [] }
}
