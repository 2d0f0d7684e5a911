// What a seed is up against.
import { makeRandom, type Random } from '../world/random.ts'

export type Plan = {
  rpcs: number
  /** Share of the calls that fail, 0–0.2: errors of the node, time-outs, cut connections, 429. */
  failures: number
  /** Share of the answers that are wrong, of the RPCs in `liars`. */
  lies: number
  liars: readonly number[]
  latencyMs: readonly [least: number, most: number]
  /** Most blocks and most logs of one answer; beyond them the RPC refuses, in the words of some provider. */
  maxRange: number
  maxLogs: number
  /** Whether logs come with the time of their block. */
  timedLogs: boolean
  /** Blocks between the head and what the RPCs call final. */
  finality: number
  /** Blocks before the keeper is started for the first time, and while it is watched. */
  past: number
  live: number
  /** Chance per call that the chain is reorganised between its answer and the next call. */
  ambush: number
  /** Chances per block. */
  reorg: number
  /** Many blocks at once, as after a stall: more than what is not final. */
  burst: number
  crash: number
  full: number
  busy: number
  lag: number
  sleep: number
  audit: number
  outage: number
  settings: { pollMs: number; verifyEveryMs: number; rereadEveryMs: number; agreementEveryMs: number }
}

/** Not every seed knows every kind of trouble: alone and together they show different things. */
const sometimes = (random: Random, most: number, share = 0.5) =>
  random.chance(share) ? random.next() * most : 0

export const planOf = (seed: number): Plan => {
  const random = makeRandom(seed).fork('plan')
  const rpcs = random.pick([1, 1, 2, 3])
  return {
    rpcs,
    failures: sometimes(random, 0.2),
    lies: sometimes(random, 0.06, 0.35),
    // Alone, it is wrong now and then; of several, one is.
    liars: [rpcs === 1 ? 0 : random.below(rpcs)],
    latencyMs: random.pick([
      [1, 20],
      [20, 200],
      [50, 1_500],
    ]),
    maxRange: random.pick([1_000_000, 1_000_000, 500, 20, 3]),
    maxLogs: random.pick([1_000_000, 1_000_000, 100, 20]),
    timedLogs: random.chance(0.5),
    finality: random.pick([1, 2, 4, 8, 16, 32, 64]),
    past: random.between(70, 100),
    live: random.between(20, 50),
    ambush: sometimes(random, 0.05),
    reorg: sometimes(random, 0.4),
    burst: sometimes(random, 0.15),
    crash: sometimes(random, 0.3),
    full: sometimes(random, 0.12),
    busy: sometimes(random, 0.12),
    lag: sometimes(random, 0.3, 0.35),
    sleep: sometimes(random, 0.06),
    audit: sometimes(random, 0.1),
    outage: sometimes(random, 0.05),
    settings: {
      pollMs: random.pick([250, 1_000, 2_000]),
      verifyEveryMs: random.pick([1_000, 5_000, 10_000]),
      rereadEveryMs: random.pick([15_000, 30_000, 60_000]),
      agreementEveryMs: random.pick([5_000, 30_000]),
    },
  }
}

export const DEEPEST = 64

/** 1–64, mostly shallow. */
export const depthOf = (random: Random): number =>
  random.pick([1, 1, 2, 3, random.between(1, 8), random.between(1, 24), random.between(1, DEEPEST)])
