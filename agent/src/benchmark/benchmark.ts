// Best of as many runs as it takes, and what else is shown of the machine's speed.
import { POINT_BASELINE, pointUnitsOf } from '@decloud/protocol'
import type { BenchmarkFacts, Known, MachineFacts } from '@decloud/protocol/wire/facts'
import { mapKnown, unknown, value } from '../discovery/known.ts'
import { type CpuRun, LEAST_RUNS, MOST_RUNS, verdictOf } from '../domain/benchmark.ts'
import { AgentError } from '../lib/errors.ts'
import type { DiskSpeed } from './disk.ts'
import type { Sysbench } from './sysbench.ts'

export type BenchmarkDeps = {
  readonly sysbench: Sysbench
  readonly measureDisk: (signal: AbortSignal) => Promise<Known<DiskSpeed>>
  readonly nowMs: () => number
  /** After each run: which it was, and what it came to. */
  readonly onRun?: (nth: number, run: CpuRun) => void
}

/** Runs of all threads together, and of the memory: shown, and nothing is paid by them. */
const SHOWN_RUNS = 2

/**
 * @param least runs of the processor at least; more while the two best do not agree, up to a bound.
 * @throws AgentError `benchmark-impossible`; the signal's reason.
 */
export const runBenchmark = async (
  deps: BenchmarkDeps,
  { cores, threads }: Pick<MachineFacts['cpu'], 'cores' | 'threads'>,
  signal: AbortSignal,
  least = LEAST_RUNS,
): Promise<BenchmarkFacts> => {
  const { sysbench, nowMs } = deps
  const version = await sysbench.version()
  if ('unknown' in version) throw impossible(version.unknown)
  const overhead = await sysbench.overhead()
  if ('unknown' in overhead) throw impossible(overhead.unknown)
  const runs = await cpuRuns(deps, overhead.value, least, signal)
  const { eventsPerSecond, steady } = verdictOf(runs)
  const together =
    'value' in threads
      ? await bestOf(SHOWN_RUNS, signal, async () =>
          mapKnown(await sysbench.cpu(threads.value, overhead.value), (run) =>
            value(run.eventsPerSecond * threads.value),
          ),
        )
      : threads
  const memory = await bestOf(SHOWN_RUNS, signal, sysbench.memory)
  const disk = await deps.measureDisk(signal)
  return {
    takenAt: Math.floor(nowMs() / 1_000),
    baseline: POINT_BASELINE.name,
    eventsPerSecond: rounded(eventsPerSecond),
    runs: runs.length,
    steady,
    pointUnits: mapKnown(cores, (n) => value(pointUnitsOf(eventsPerSecond, n))),
    allThreads: mapKnown(together, (speed) => value(rounded(speed))),
    memoryMiBPerSecond: mapKnown(memory, (speed) => value(rounded(speed))),
    diskMiBPerSecond: mapKnown(disk, ({ mibPerSecond }) => value(rounded(mibPerSecond))),
    diskSyncMs: mapKnown(disk, ({ syncMs }) => value(rounded(syncMs))),
  }
}

/** Hundredths: more digits would be noise. */
const rounded = (figure: number): number => Math.round(figure * 100) / 100

const cpuRuns = async (
  deps: BenchmarkDeps,
  overhead: number,
  least: number,
  signal: AbortSignal,
): Promise<CpuRun[]> => {
  const runs: CpuRun[] = []
  let why = ''
  for (let nth = 1; nth <= Math.max(least, MOST_RUNS); nth++) {
    signal.throwIfAborted()
    const run = await deps.sysbench.cpu(1, overhead)
    if ('unknown' in run) {
      why = run.unknown
      // The first few tell: a tool that never works is not asked thirty times.
      if (runs.length === 0 && nth >= LEAST_RUNS) break
      continue
    }
    runs.push(run.value)
    deps.onRun?.(nth, run.value)
    if (runs.length >= least && verdictOf(runs).steady) break
  }
  if (runs.length === 0) throw impossible(why)
  return runs
}

const bestOf = async (
  times: number,
  signal: AbortSignal,
  run: () => Promise<Known<number>>,
): Promise<Known<number>> => {
  let best: Known<number> = unknown('It was not measured.')
  for (let nth = 0; nth < times; nth++) {
    signal.throwIfAborted()
    const next = await run()
    if ('unknown' in best || ('value' in next && next.value > best.value)) best = next
  }
  return best
}

const impossible = (why: string) =>
  new AgentError('benchmark-impossible', `The machine cannot be measured: ${why}`, {
    hint: 'Install sysbench 1.0 or newer (apt-get install sysbench).',
  })
