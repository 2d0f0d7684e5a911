// The figures of the node itself.
import { VM_STATUSES } from '@decloud/protocol'
import { SLOT_SECONDS } from '@decloud/protocol/wire/heartbeat'
import type { Metrics } from '@decloud/service/metrics'
import type { BeatSender } from '../beats/sender.ts'
import type { SpaceLevel } from '../domain/disk-space.ts'
import type { Duties } from '../duties/duties.ts'
import { DUTIES } from '../duties/ports.ts'
import type { EventLog } from '../ports/events.ts'
import type { VmStore } from '../reconcile/ports.ts'
import type { Resources } from '../reconcile/resources.ts'
import type { Usage } from './usage.ts'
import type { Vitals } from './vitals.ts'

const LEVELS = ['ok', 'low', 'critical'] as const
const RESOURCES = ['pointUnits', 'memoryMiB', 'diskGiB', 'gpus'] as const

export type NodeParts = {
  readonly store: Pick<VmStore, 'all'>
  readonly ledger: Pick<Resources['ledger'], 'all'>
  readonly space: { level(): { readonly level: SpaceLevel; readonly freeBytes: number } | null }
  readonly beats: Pick<BeatSender, 'status'> | null
  readonly duties: Pick<Duties, 'status'>
  readonly usage: Pick<Usage, 'sampledMs'>
  readonly vitals: Pick<Vitals, 'gasCoins' | 'offered'>
  readonly nowMs: () => number
}

export const watchNode = (metrics: Metrics, parts: NodeParts) => {
  const { store, ledger, space, beats, duties, usage, vitals, nowMs } = parts
  metrics.watchEach('guests', 'Leases on this node by the state of their VM.', ['status'], () => {
    const counts = Map.groupBy(store.all(), ({ status }) => status)
    return VM_STATUSES.map((status) => ({ labels: { status }, value: counts.get(status)?.length ?? 0 }))
  })
  metrics.watch('hypervisor_up', '1 while the hypervisor answers.', () =>
    usage.sampledMs() === null ? 0 : 1,
  )
  metrics.watchEach(
    'capacity',
    'What is registered, in point-units, MiB, GiB and GPUs.',
    ['resource'],
    () => {
      const offered = vitals.offered()
      return offered === null
        ? []
        : RESOURCES.map((resource) => ({ labels: { resource }, value: offered[resource] }))
    },
  )
  metrics.watchEach('capacity_reserved', 'What leases hold of it, in the same units.', ['resource'], () => {
    const held = ledger.all()
    return RESOURCES.map((resource) => ({
      labels: { resource },
      value: held.reduce((sum, one) => sum + one[resource], 0),
    }))
  })
  metrics.watch('disk_free_bytes', 'Free space under the disks.', () => space.level()?.freeBytes ?? null)
  metrics.watchEach('disk_level', '1 for the level of the free space.', ['level'], () => {
    const now = space.level()?.level
    return now === undefined
      ? []
      : LEVELS.map((level) => ({ labels: { level }, value: level === now ? 1 : 0 }))
  })
  metrics.watch('gas_coins', 'Balance of the agent, in whole gas coins.', () => vitals.gasCoins())
  metrics.watch('beat_age_seconds', 'Since the end of the slot of the last beat that a keeper took.', () => {
    const slot = beats?.status().lastSlot ?? null
    return slot === null ? null : Math.max(0, nowMs() / 1_000 - (slot + 1) * SLOT_SECONDS)
  })
  metrics.watchEach('duty_held', '1 while a duty rests, by why.', ['duty', 'why'], () => {
    const report = duties.status()
    return DUTIES.flatMap((duty) => {
      const why = report[duty].held
      return why === null ? [] : [{ labels: { duty, why }, value: 1 }]
    })
  })
}

/** The same event log, counted. */
export const countEvents = (metrics: Metrics, events: EventLog): EventLog => {
  const counter = metrics.counter('events_total', 'Events of the log, by kind.', ['kind'])
  return {
    record: (event) => {
      counter.add({ kind: event.kind })
      events.record(event)
    },
  }
}

/** @returns what the reconciler tells each step to, by its kind; `code` is null when it went well. */
export const watchSteps = (metrics: Metrics) => {
  const seconds = metrics.histogram('step_seconds', 'Time of a step towards what a lease wants.', {
    labels: ['step'],
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300],
  })
  const failures = metrics.counter('step_failures_total', 'Steps that failed, by reason.', ['step', 'code'])
  return (step: string, ms: number, code: string | null) => {
    seconds.observe({ step }, ms / 1_000)
    if (code !== null) failures.add({ step, code })
  }
}
