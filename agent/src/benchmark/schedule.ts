// Measures again when it is time and the machine is quiet, and tells the operator when the answer is another one than
// the registry's. Nothing is ever changed there by itself: a capacity is the operator's word.
import { sentenceOf } from '@decloud/protocol'
import type { BenchmarkFacts } from '@decloud/protocol/wire/facts'
import { comparePoints, nextBenchmarkMs } from '../domain/benchmark.ts'
import { pause } from '../lib/pause.ts'
import type { EventLog } from '../ports/events.ts'
import type { Log } from '../reconcile/ports.ts'

export type ScheduleDeps = {
  readonly everyMs: number
  readonly newest: () => BenchmarkFacts | null
  readonly measure: (signal: AbortSignal) => Promise<BenchmarkFacts>
  /** From 0 to 1; null when it is not known. */
  readonly busy: (signal: AbortSignal) => Promise<number | null>
  /** Point-units in the registry. */
  readonly registered: () => Promise<number>
  readonly events: EventLog
  readonly log: Log
  readonly nowMs: () => number
  readonly random: () => number
  /** Between looks at whether it is time. */
  readonly lookMs?: number
}

const LOOK_MS = 10 * 60_000
/** Guests, mostly: above that the machine belongs to them. */
const QUIET = 0.3
/** So long a quiet moment is waited for, before the operator hears that there was none. */
const PATIENCE_MS = 24 * 3_600_000

/** Starts waiting; the first benchmark of a node comes one look after its start. */
export const scheduleBenchmarks = (deps: ScheduleDeps): { close(): Promise<void> } => {
  const { everyMs, events, log, nowMs, lookMs = LOOK_MS } = deps
  const stop = new AbortController()
  const share = deps.random()
  // Of the last that was tried, whatever came of it: one that fails is not tried again at every look.
  let triedMs = 0
  let isOverdueTold = false

  const measure = async () => {
    triedMs = nowMs()
    isOverdueTold = false
    const measured = await deps.measure(stop.signal)
    const { eventsPerSecond, steady, runs } = measured
    log.info({ eventsPerSecond, steady, runs }, 'benchmark')
    if (!steady || 'unknown' in measured.pointUnits) return
    await compare(measured.pointUnits.value)
  }

  const compare = async (units: number) => {
    const registered = await deps.registered()
    const comparison = comparePoints(units, registered)
    if (comparison === 'same') return
    const message =
      comparison === 'less'
        ? `This machine makes ${units} point-units now, ${registered} are registered: tenants get less than they pay for. Lower its registered capacity.`
        : `This machine makes ${units} point-units now, ${registered} are registered: you may raise its registered capacity.`
    log.warn({ units, registered }, message)
    events.record({ kind: `benchmark.${comparison}`, message, details: { units, registered } })
  }

  const look = async () => {
    const lastMs = Math.max((deps.newest()?.takenAt ?? 0) * 1_000, triedMs)
    const dueMs = lastMs === 0 ? 0 : nextBenchmarkMs(lastMs, everyMs, share)
    if (nowMs() < dueMs) return
    const busy = await deps.busy(stop.signal)
    if (busy !== null && busy <= QUIET) return measure()
    if (isOverdueTold || lastMs === 0 || nowMs() < dueMs + PATIENCE_MS) return
    isOverdueTold = true
    events.record({
      kind: 'benchmark.waits',
      message:
        'The benchmark is a day late: the machine was never quiet. Run `decloud-node benchmark` when it suits.',
    })
  }

  const loop = async () => {
    while (!stop.signal.aborted) {
      await pause(lookMs, stop.signal)
      if (stop.signal.aborted) return
      await look().catch((error: unknown) => {
        if (!stop.signal.aborted) log.warn({ detail: sentenceOf(error) }, 'the machine was not measured')
      })
    }
  }
  const running = loop()
  return {
    close: async () => {
      stop.abort()
      await running
    },
  }
}
