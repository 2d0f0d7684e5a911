// Chance that can be had again: the same seed gives the same decisions. What machines and clocks add is not in it.

export type Random = {
  /** Uniform in [0, 1). */
  unit(): number
  /** An integer in [from, to]. */
  between(from: number, to: number): number
  chance(probability: number): boolean
  pick<item>(items: readonly item[]): item
  /** A source of its own, so that one actor's decisions do not shift another's. */
  fork(name: string): Random
}

// mulberry32: 32 bits of state are enough for decisions.
const mulberry = (seed: number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const hashOf = (text: string, seed: number) => {
  let hash = seed ^ 0x811c9dc5
  for (const char of text) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193)
  return hash >>> 0
}

export const makeRandom = (seed: number): Random => {
  const unit = mulberry(seed)
  return {
    unit,
    between: (from, to) => from + Math.floor(unit() * (to - from + 1)),
    chance: (probability) => unit() < probability,
    pick: (items) => items[Math.floor(unit() * items.length)]!,
    fork: (name) => makeRandom(hashOf(name, seed)),
  }
}
