/** mulberry32: one 32-bit seed, the same numbers on every machine. */
export const makeRandom = (seed: number) => {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (n: number) => Math.floor(next() * n)
  return {
    /** Uniform in [0, 1). */
    next,
    /** A whole number from 0 to n − 1. */
    below,
    chance: (p: number) => next() < p,
    pick: <item>(items: readonly item[]): item | undefined => items[below(items.length)],
  }
}
export type Random = ReturnType<typeof makeRandom>
