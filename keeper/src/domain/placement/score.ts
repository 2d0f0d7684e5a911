// How good a node is that has passed the filters. Every component is an integer from 0 to 1000, every weight an integer,
// and every quotient is rounded down: two keepers that know the same choose the same.
import type { Needs } from './types.ts'

/**
 * A node that is known to be up comes before any of which nothing was heard: `online` outweighs all the others together.
 * The others sum to 1000.
 */
export const WEIGHTS = {
  online: 1_001,
  /** Load: how much of its scarcest resource stays free. */
  room: 300,
  /** Uptime, and leases brought up out of those assigned. */
  reputation: 250,
  /** Against what the platform's default prices would cost. */
  price: 200,
  /** Best fit: that no resource is left over because another ran out, and GPUs are kept for those who want them. */
  fit: 100,
  /** Near the tenant's other machines. */
  locality: 50,
  /** Decentralisation: under-used regions and operators first. */
  region: 50,
  operator: 50,
} as const

export type Component = keyof typeof WEIGHTS
export type Score = Readonly<Record<Component, number>>

export const FULL = 1_000

/**
 * ⌊a ÷ b⌋ for integers with a ≥ 0, b > 0 and a + b ≤ 2⁵³. Exact although the quotient is a double: the true one lies at
 * least 1/b below the next integer, which is more than half a unit in the last place as long as a + b ≤ 2⁵³.
 */
export const floorDiv = (a: number, b: number): number => Math.floor(a / b)

/** Thousandths of `limit` that `used` takes, at most 1000. @param used at most 2⁴². */
export const shareOf = (used: number, limit: number): number =>
  limit <= 0 || used >= limit ? FULL : floorDiv(FULL * used, limit)

/** @param needs at most what is free of each. @returns `[room, fit]`. */
export const roomAndFit = (
  needs: Needs,
  used: Omit<Needs, 'gpus'>,
  limits: Needs,
): readonly [room: number, fit: number] => {
  const compute = shareOf(used.pointUnits + needs.pointUnits, limits.pointUnits)
  const memory = shareOf(used.memoryMiB + needs.memoryMiB, limits.memoryMiB)
  const disk = shareOf(used.diskGiB + needs.diskGiB, limits.diskGiB)
  const most = Math.max(compute, memory, disk)
  const least = Math.min(compute, memory, disk)
  const idleGpus = needs.gpus === 0 && limits.gpus > 0
  return [FULL - most, idleGpus ? 0 : FULL - (most - least)]
}

/** Beyond it prices are as good as equal: keeps the product under 2⁵³. */
const DEAR = 2 ** 40

/** 500 at the platform's usual price, more below it, less above. Both in µUSDC per hour, below 2⁴⁸ the first. */
export const priceScore = (price: number, usual: number): number => {
  const reference = Math.min(usual, DEAR)
  return floorDiv(FULL * reference, reference + price)
}

/** A node of which nothing is known is taken for an even one. Laplace's rule for the activations. */
export const reputationScore = (uptimeBps: number | null, activated: number, lapsed: number): number => {
  const uptime = uptimeBps === null ? FULL / 2 : floorDiv(uptimeBps, 10)
  const kept = floorDiv(FULL * (activated + 1), activated + lapsed + 2)
  return floorDiv(uptime + kept, 2)
}

export const localityScore = ({ here, all }: { here: number; all: number }): number =>
  all === 0 ? 0 : floorDiv(FULL * here, all)

/** Of a region or an operator: what of its compute is not in use. */
export const underUseScore = ({ used, offered }: { used: number; offered: number }): number =>
  FULL - shareOf(used, offered)

export const totalOf = (score: Score): number => {
  let total = 0
  for (const component of COMPONENTS) total += WEIGHTS[component] * score[component]
  return total
}
export const COMPONENTS = Object.keys(WEIGHTS) as readonly Component[]
