// What the agent keeps of one lease between two moments, in its own words. Local times are Unix milliseconds.
import { move, type ReadinessCheck, type VmStatus } from '@decloud/protocol'
import type { Phase } from '@decloud/protocol/wire/node'
import type { Hex } from 'viem'
import type { GuestFacts } from '../ports/guest.ts'
import { awaited, type ServiceStatus } from './readiness.ts'

/** Shown to the tenant as it stands: a stable code and one plain sentence without secrets. */
export type Reason = { readonly code: string; readonly message: string }

export type VmRecord = {
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
  /** The image named by the manifest, once it has been opened and found to be what the tenant signed. */
  readonly image: string | null
  /** When contract storage, read at a finalized block, confirmed that the lease has ended. Never unset. */
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
}

export const admitted = (leaseId: Hex, nowMs: number, deadlineMs: number): VmRecord => ({
  leaseId,
  status: 'Pending',
  phase: 'Waiting',
  reason: null,
  refused: false,
  sinceMs: nowMs,
  deadlineMs,
  attempts: 0,
  nextAttemptMs: 0,
  image: null,
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
  const recovered = vm.status === 'Running' && nowMs - vm.sinceMs >= STABLE_MS
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
  }
}
