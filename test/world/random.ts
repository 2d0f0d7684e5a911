// All chance of a seed, from one number. Each part draws from a stream of its own, so that one more draw in one part does
// not change what the others do.

export type Random = {
  /** Uniform in [0, 1). */
  next(): number
  /** Whole, in [0, below). */
  below(limit: number): number
  /** Whole, in [least, most]. */
  between(least: number, most: number): number
  chance(probability: number): boolean
  pick<item>(items: readonly item[]): item
  /** A stream of its own for `name`. */
  fork(name: string): Random
}

const hash = (text: string, from: number): number => {
  let h = from ^ 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h >>> 0
}

/** mulberry32: 32 bits of state, which is plenty for drawing tests. @returns a source of numbers, uniform in [0, 1). */
export const randomFrom = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export const makeRandom = (seed: number): Random => {
  const next = randomFrom(seed)
  const below = (limit: number) => Math.floor(next() * limit)
  return {
    next,
    below,
    between: (least, most) => least + below(most - least + 1),
    chance: (probability) => next() < probability,
    pick: (items) => items[below(items.length)]!,
    fork: (name) => makeRandom(hash(name, seed)),
  }
}
