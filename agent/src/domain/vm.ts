// What the agent keeps of one lease between two moments, in its own words. Local times are Unix milliseconds.
import { move, type ReadinessCheck, TRANSIENT, type VmStatus } from '@decloud/protocol'
import type { Phase } from '@decloud/protocol/wire/node'
import type { Hex } from 'viem'
import type { GuestFacts } from '../ports/guest.ts'
import { awaited, type ServiceStatus } from './readiness.ts'
import { NO_WISH, type Wish } from './wish.ts'

/** Shown to the tenant as it stands: a stable code and one plain sentence without secrets. */
export type Reason = { readonly code: string; readonly message: string }

/**
 * An order in hand, persisted with the fact that it is served before its first effect: a crash resumes it, and never
 * serves it twice. `reinstall` and `restore` last until the disk is what was asked for; then `install` stands for a
 * fresh disk that is still to be made, `reseed` for a disk that is there and waits for its seed. A start ends them.
 */
export type Task = 'reboot' | 'reinstall' | 'install' | 'restore' | 'reseed'

/** Unix ms of the newest order of each kind that was taken up. */
type Served = { readonly rebootMs: number; readonly reinstallMs: number; readonly restoreMs: number }

type Orders = {
  readonly task: Task | null
  readonly served: Served
  /** Which installation is on the disk in use: the time of the reinstall order behind it; 0 for the lease's first. */
  readonly install: number
  /** Of `restore`: the stamp of the quarantined disk that is brought back. */
  readonly restoring: number | null
}

export type VmRecord = Orders & {
  readonly leaseId: Hex
  readonly status: VmStatus
  readonly phase: Phase
  readonly reason: Reason | null
  /** A refusal is final: the lease is never provisioned, never activated, and the tenant gets everything back. */
  readonly refused: boolean
  readonly sinceMs: number
  /** Until when a status that must pass may last; null for one that may stay. */
  readonly deadlineMs: number | null
  /** Failures in a row, and the moment before which no step with an effect is tried again. */
  readonly attempts: number
  readonly nextAttemptMs: number
  /** How often in a row the guest went off by itself without having run for long. */
  readonly deaths: number
  /** The image named by the manifest, once it has been opened and found to be what the tenant signed. */
  readonly image: string | null
  /** What the manifest opens to whose keys the guest was last made to take; null until it was. */
  readonly manifestSeen: Hex | null
  /** When contract storage, read at a finalized block, confirmed that the lease has ended; unset by a reorg alone. */
  readonly endConfirmedMs: number | null
  /** Reported by the guest since it was last started; null until then. */
  readonly facts: GuestFacts | null
  readonly checkedMs: number
  /** What the manifest asks to be looked at, and how it was when last looked at; the same names in the same order. */
  readonly checks: readonly ReadinessCheck[]
  readonly services: readonly ServiceStatus[]
  /** When the services are to be looked at next; 0 at once. */
  readonly servicesDueMs: number
}

export type Move = {
  readonly to: VmStatus
  readonly phase: Phase
  readonly reason: Reason | null
  readonly deadlineMs: number | null
  readonly change?: RecordChange
}

/** What may be written down together with a status, or without a change of it. */
export type RecordChange = Partial<
  Pick<
    VmRecord,
    'task' | 'served' | 'install' | 'image' | 'restoring' | 'reason' | 'refused' | 'deaths' | 'nextAttemptMs'
  >
>

/** A record made anew takes what was ordered before as served: what is on the machine is the outcome of that. */
export const admitted = (
  leaseId: Hex,
  nowMs: number,
  deadlineMs: number,
  wish: Wish = NO_WISH,
): VmRecord => ({
  leaseId,
  status: 'Pending',
  phase: 'Waiting',
  reason: null,
  refused: false,
  sinceMs: nowMs,
  deadlineMs,
  attempts: 0,
  nextAttemptMs: 0,
  deaths: 0,
  task: null,
  served: { rebootMs: wish.rebootAtMs, reinstallMs: wish.reinstallAtMs, restoreMs: wish.restoreAtMs },
  install: wish.reinstallAtMs,
  restoring: null,
  image: null,
  manifestSeen: null,
  endConfirmedMs: null,
  facts: null,
  checkedMs: 0,
  checks: [],
  services: [],
  servicesDueMs: 0,
})

/** The record of a guest that starts anew: what was seen of it before says nothing of now. */
export const unseen = (vm: VmRecord, nowMs: number): VmRecord => ({
  ...vm,
  facts: null,
  services: awaited(vm.checks, nowMs),
  servicesDueMs: 0,
})

/** A guest that ran this long has recovered: what failed before no longer slows the next restart down. */
const STABLE_MS = 10 * 60_000

/**
 * @returns the record after a change of status. A guest that is about to be started has reported nothing yet.
 * @throws DecloudError `vm-edge-refused`.
 */
export const moved = (vm: VmRecord, change: Move, nowMs: number): VmRecord => {
  const status = move(vm.status, change.to)
  const recovered = hasRecovered(vm, nowMs)
  const leaving = status === 'Deleting' || status === 'Stopping'
  return {
    ...(status === 'Provisioning' ? unseen(vm, nowMs) : vm),
    status,
    phase: change.phase,
    reason: change.reason,
    deadlineMs: change.deadlineMs,
    sinceMs: nowMs,
    attempts: recovered || leaving ? 0 : vm.attempts,
    nextAttemptMs: recovered || leaving ? 0 : vm.nextAttemptMs,
    ...change.change,
  }
}

export const hasRecovered = (vm: VmRecord, nowMs: number): boolean =>
  vm.status === 'Running' && nowMs - vm.sinceMs >= STABLE_MS

/**
 * A clock that was set back would leave deadlines and retries hours away: moments that no rule could have set are pulled
 * to `nowMs`.
 * @param longestMs the longest wait that any rule sets.
 * @returns the same object when nothing is amiss.
 */
export const reclocked = (vm: VmRecord, nowMs: number, longestMs: number): VmRecord => {
  const late = (at: number | null) => at !== null && at > nowMs + longestMs
  const waits = late(vm.deadlineMs) || late(vm.nextAttemptMs) || late(vm.servicesDueMs)
  if (vm.sinceMs <= nowMs && vm.checkedMs <= nowMs && !waits) return vm
  return {
    ...vm,
    sinceMs: Math.min(vm.sinceMs, nowMs),
    checkedMs: Math.min(vm.checkedMs, nowMs),
    services: vm.services.map((each) => ({ ...each, sinceMs: Math.min(each.sinceMs, nowMs) })),
    servicesDueMs: Math.min(vm.servicesDueMs, nowMs),
    nextAttemptMs: late(vm.nextAttemptMs) ? nowMs : vm.nextAttemptMs,
    deadlineMs: late(vm.deadlineMs) && TRANSIENT.has(vm.status) ? nowMs + longestMs : vm.deadlineMs,
  }
}
