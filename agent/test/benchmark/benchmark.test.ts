// The runs themselves: with a sysbench of our own making, and with the real disk.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { benchmarkFactsSchema } from '@decloud/protocol/wire/facts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runBenchmark } from '../../src/benchmark/benchmark.ts'
import { measureDisk } from '../../src/benchmark/disk.ts'
import type { Sysbench } from '../../src/benchmark/sysbench.ts'
import { unknown, value } from '../../src/discovery/known.ts'
import { type CpuRun, LEAST_RUNS, MOST_RUNS } from '../../src/domain/benchmark.ts'

const never = new AbortController().signal
const machine = { cores: value(4), threads: value(8) }

const bench = (cpu: (nth: number) => CpuRun | string, change: Partial<Sysbench> = {}) => {
  let runs = 0
  const sysbench: Sysbench = {
    version: async () => value('1.0.20'),
    overhead: async () => value(0.01),
    cpu: async (threads, overhead) => {
      expect(overhead).toBe(0.01)
      if (threads > 1) return value({ eventsPerSecond: 875, cpuShare: 1 })
      const run = cpu(++runs)
      return typeof run === 'string' ? unknown(run) : value(run)
    },
    memory: async () => value(9_000),
    ...change,
  }
  const deps = {
    sysbench,
    nowMs: () => 5_000,
    measureDisk: async () => value({ mibPerSecond: 500.123, syncMs: 0.5 }),
  }
  return { run: (signal = never, cores = machine) => runBenchmark(deps, cores, signal), runs: () => runs }
}
const whole = (eventsPerSecond: number): CpuRun => ({ eventsPerSecond, cpuShare: 1 })

describe('a benchmark', () => {
  it('ends after the least runs on a quiet machine', async () => {
    const { run, runs } = bench((nth) => whole(1_000 + nth))
    const measured = benchmarkFactsSchema.parse(await run())
    expect(runs()).toBe(LEAST_RUNS)
    expect(measured).toEqual({
      takenAt: 5,
      baseline: 'sysbench-cpu-10000/1',
      eventsPerSecond: 1_005,
      runs: LEAST_RUNS,
      steady: true,
      pointUnits: { value: 48 },
      allThreads: { value: 7_000 },
      memoryMiBPerSecond: { value: 9_000 },
      diskMiBPerSecond: { value: 500.12 },
      diskSyncMs: { value: 0.5 },
    })
  })
  it('goes on while others disturb it', async () => {
    const { run } = bench((nth) => ({ eventsPerSecond: 1_000, cpuShare: nth < 12 ? 0.1 : 1 }))
    expect(await run()).toMatchObject({ eventsPerSecond: 1_000, steady: true, runs: 16 })
  })
  it('gives up at a bound, and says that it is unsteady', async () => {
    const { run, runs } = bench((nth) => whole(nth * nth))
    expect(await run()).toMatchObject({ eventsPerSecond: MOST_RUNS ** 2, steady: false, runs: MOST_RUNS })
    expect(runs()).toBe(MOST_RUNS)
  })
  it('makes no points of cores that nobody counted', async () => {
    const { run } = bench(() => whole(1_000))
    const measured = await run(never, { cores: unknown('Not told.'), threads: unknown('Not told.') } as never)
    expect(measured).toMatchObject({
      pointUnits: { unknown: 'Not told.' },
      allThreads: { unknown: 'Not told.' },
    })
  })
  it('is refused where sysbench is missing or never answers, with what to install', async () => {
    const missing = bench(() => whole(1), { version: async () => unknown('sysbench is not installed.') })
    await expect(missing.run()).rejects.toMatchObject({ code: 'benchmark-impossible' })
    const broken = bench(() => 'sysbench failed: no memory.')
    await expect(broken.run()).rejects.toThrow('no memory')
    expect(broken.runs()).toBe(LEAST_RUNS)
  })
  it('ends between two runs when it is told to', async () => {
    const abort = new AbortController()
    const { run, runs } = bench((nth) => {
      if (nth === 2) abort.abort(new Error('enough'))
      return whole(nth)
    })
    await expect(run(abort.signal)).rejects.toThrow('enough')
    expect(runs()).toBe(2)
  })
})

describe('the disk', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'decloud-disk-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('is written to, and nothing stays', async () => {
    const measured = await measureDisk(folder, never)
    expect(measured).toEqual({ value: { mibPerSecond: expect.any(Number), syncMs: expect.any(Number) } })
    expect('value' in measured && measured.value.mibPerSecond > 0 && measured.value.syncMs > 0).toBe(true)
    expect(await readdir(folder)).toEqual([])
  })
  it('loses what a killed run left', async () => {
    await writeFile(join(folder, 'benchmark.partial'), 'half')
    await measureDisk(folder, never)
    expect(await readdir(folder)).toEqual([])
  })
  it('that is not there is unknown', async () => {
    expect(await measureDisk(join(folder, 'none'), never)).toEqual({
      unknown: expect.stringMatching(/cannot be/),
    })
  })
  it('is let go at once when it is told to', async () => {
    await expect(measureDisk(folder, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
    expect(await readdir(folder)).toEqual([])
  })
})
