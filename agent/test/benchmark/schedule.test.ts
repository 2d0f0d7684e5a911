import type { BenchmarkFacts } from '@decloud/protocol/wire/facts'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type ScheduleDeps, scheduleBenchmarks } from '../../src/benchmark/schedule.ts'

const WEEK_MS = 7 * 86_400_000
const log = { info: () => {}, warn: () => {}, error: () => {} } as unknown as ScheduleDeps['log']
const none = { unknown: 'Not asked.' }
const measured = (units: number, steady = true): BenchmarkFacts => ({
  ...{ takenAt: 0, baseline: 'sysbench-cpu-10000/1', eventsPerSecond: 1, runs: 5, steady },
  ...{ pointUnits: { value: units }, allThreads: none, memoryMiBPerSecond: none },
  ...{ diskMiBPerSecond: none, diskSyncMs: none },
})

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const start = (result: () => BenchmarkFacts, registered = 100) => {
  const state = {
    nowMs: 1_700_000_000_000,
    busy: 0.1 as number | null,
    newest: null as BenchmarkFacts | null,
  }
  const counts = { runs: 0, looks: 0 }
  const events: { kind: string; message: string }[] = []
  const schedule = scheduleBenchmarks({
    ...{ everyMs: WEEK_MS, log, lookMs: 2, random: () => 0.5, nowMs: () => state.nowMs },
    newest: () => {
      counts.looks += 1
      return state.newest
    },
    measure: async () => {
      counts.runs += 1
      state.newest = { ...result(), takenAt: state.nowMs / 1_000 }
      return state.newest
    },
    busy: async () => state.busy,
    registered: async () => registered,
    events: { record: ({ kind, message }) => events.push({ kind, message }) },
  })
  closing.push(schedule.close)
  const until = (look: () => void) => vi.waitFor(look, { timeout: 10_000, interval: 2 })
  /** So many more looks at the clock: enough for anything to happen that is going to. */
  const looks = async (more: number) => {
    const goal = counts.looks + more
    await until(() => expect(counts.looks).toBeGreaterThanOrEqual(goal))
  }
  return { state, counts, events, until, looks }
}

describe('the benchmark’s schedule', () => {
  it('measures a new node soon, and then every week', async () => {
    const { state, counts, until, looks } = start(() => measured(100))
    await until(() => expect(counts.runs).toBe(1))
    await looks(5)
    state.nowMs += WEEK_MS - 60_000
    await looks(5)
    expect(counts.runs).toBe(1)
    state.nowMs += 120_000
    await until(() => expect(counts.runs).toBe(2))
  })

  it('waits for a quiet moment, also while it is not known whether it is one, and says so once after a day', async () => {
    const { state, counts, events, looks, until } = start(() => measured(100))
    await until(() => expect(counts.runs).toBe(1))
    state.busy = 0.9
    state.nowMs += WEEK_MS + 60_000
    await looks(5)
    state.busy = null
    await looks(5)
    expect({ runs: counts.runs, events }).toEqual({ runs: 1, events: [] })
    state.nowMs += 25 * 3_600_000
    await looks(5)
    expect(events.map(({ kind }) => kind)).toEqual(['benchmark.waits'])
    state.busy = 0.1
    await until(() => expect(counts.runs).toBe(2))
  })

  it.each([
    [89, 'benchmark.less', /Lower/],
    [111, 'benchmark.more', /may raise/],
  ] as const)(
    'tells the operator of %i units where 100 are registered, and changes nothing',
    async (units, kind, words) => {
      const { events, until, counts } = start(() => measured(units))
      await until(() => expect(events).toHaveLength(1))
      expect(events[0]).toMatchObject({ kind, message: expect.stringMatching(words) })
      expect(counts.runs).toBe(1)
    },
  )

  it.each([
    ['nearly the same', () => measured(95)],
    ['unsteady', () => measured(10, false)],
  ] as const)('tells nothing of what is %s', async (_, result) => {
    const { events, counts, until, looks } = start(result)
    await until(() => expect(counts.runs).toBe(1))
    await looks(5)
    expect(events).toEqual([])
  })

  it('that fails is not tried again at every look', async () => {
    let tried = 0
    const { counts, until, looks } = start(() => {
      tried += 1
      throw new Error('no sysbench')
    })
    await until(() => expect(tried).toBe(1))
    await looks(10)
    expect(counts.runs).toBe(1)
  })
})
