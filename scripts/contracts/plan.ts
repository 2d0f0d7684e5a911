// What a long run consists of: shards that are each a test and a seed of their own, so that any number of processes
// can share them, and each can be repeated alone.
import { createHash } from 'node:crypto'
import type { TestId } from './edr.ts'

export type Depth = { fuzzRuns: number; invariantRuns: number; invariantDepth: number }

export type Shard = {
  /** `Contract.test`, or `Contract` for all its unit tests, and the number of the shard among those of that test. */
  key: string
  tests: TestId[]
  seed: string
  /** Fuzz cases or invariant sequences. */
  runs: number
  /** Calls that the shard is expected to make: what an estimate of time is based on. */
  calls: number
}

/** The most that is lost when a run is killed: about a minute of one core. */
const SHARD = { fuzz: 10_000, invariant: 250 }

const seedOf = (seed: string, key: string): string =>
  `0x${createHash('sha256').update(`${seed} ${key}`).digest('hex')}`

const groupBy = <item>(items: readonly item[], key: (item: item) => string): Map<string, item[]> => {
  const groups = new Map<string, item[]>()
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item])
  return groups
}

const unitShards = (tests: readonly TestId[], seed: string): Shard[] =>
  [...groupBy(tests, ({ contract }) => contract)].map(([contract, group]) => {
    const key = `${contract}/1`
    return { key, tests: group, seed: seedOf(seed, key), runs: 1, calls: group.length }
  })

const shardsOf = (test: TestId, kind: 'fuzz' | 'invariant', depth: Depth, seed: string): Shard[] => {
  const total = kind === 'fuzz' ? depth.fuzzRuns : depth.invariantRuns
  return Array.from({ length: Math.ceil(total / SHARD[kind]) }, (_, i) => {
    const key = `${test.contract}.${test.name}/${i + 1}`
    const runs = Math.min(SHARD[kind], total - i * SHARD[kind])
    const calls = kind === 'fuzz' ? runs : runs * depth.invariantDepth
    return { key, tests: [test], seed: seedOf(seed, key), runs, calls }
  })
}

/** Every shard, those of one test apart from one another, so that a part of them is a part of every test. */
export const planOf = (tests: readonly TestId[], depth: Depth, seed: string): Shard[] => {
  const rounds = tests.flatMap((test) =>
    test.kind === 'unit'
      ? []
      : shardsOf(test, test.kind, depth, seed).map((shard, round) => ({ shard, round })),
  )
  return [
    ...unitShards(
      tests.filter(({ kind }) => kind === 'unit'),
      seed,
    ),
    ...rounds.sort((a, b) => a.round - b.round).map(({ shard }) => shard),
  ]
}
