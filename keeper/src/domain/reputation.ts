// What attesters say of each node and day, and the figure that follows. Mirrors contracts/src/Reputation.sol.

const BEATS_PER_DAY = 5_760
const DAY_SECONDS = 86_400
const BPS = 10_000
const LANE_BITS = 16n
const WINDOW_DAYS = 30
export const NODES_PER_WORD = 16

/**
 * A word is about sixteen nodes on one day: sixteen bits each, missed beats + 1, 0 where it says nothing.
 * @returns `null` where it says nothing about the node.
 */
export const missedIn = (word: bigint, node: number): number | null => {
  const lane = Number((word >> (BigInt(node % NODES_PER_WORD) * LANE_BITS)) & 0xffffn)
  return lane === 0 ? null : lane - 1
}

/** The days that count at `at` (unix seconds): `from` up to, and without, `today`. */
export const windowAt = (at: number): { from: number; today: number } => {
  const today = Math.floor(at / DAY_SECONDS)
  return { from: today - WINDOW_DAYS, today }
}

export type Uptime = { uptimeBps: number; opinions: number }

/** @param missed beats missed on the days that one attester knows. @returns basis points, or `null` for no known day. */
export const uptimeOver = (missed: readonly number[]): number | null => {
  if (missed.length === 0) return null
  const expected = missed.length * BEATS_PER_DAY
  return Math.floor(((expected - missed.reduce((sum, one) => sum + one, 0)) * BPS) / expected)
}

/** The lower median of the attesters that have an opinion. */
export const medianUptime = (figures: readonly (number | null)[]): Uptime => {
  const sorted = figures.filter((figure) => figure !== null).sort((a, b) => a - b)
  return { uptimeBps: sorted[(sorted.length - 1) >> 1] ?? 0, opinions: sorted.length }
}
