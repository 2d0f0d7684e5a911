// After a final end: stop, forget, set the disk aside, and purge it when the quarantine is over.
import type { Situation } from './situation.ts'
import type { Step } from './steps.ts'
import { isOff, stopGuest } from './stop.ts'
import type { Reason, VmRecord } from './vm.ts'

const HANGS: Reason = {
  code: 'deleting-timeout',
  message:
    'The lease has ended, and taking its guest down takes longer than it should; the node goes on trying.',
}

export const planRelease = (s: Situation): readonly Step[] => {
  const { vm } = s
  if (vm === null) {
    const anything = s.domain !== null || s.seed || s.disk !== null || s.aside.length > 0 || s.keys
    return anything ? [{ kind: 'Admit', deadlineMs: s.nowMs + s.limits.pendingMs }] : []
  }
  if (s.outage !== null) return [{ kind: 'EndOutage' }]
  // The event alone destroys nothing: contract storage at a finalized block has to say the same.
  if (vm.endConfirmedMs === null) return [{ kind: 'ConfirmEnd' }]
  if (vm.status === 'Deleted') return planPurge(s, vm)
  if (vm.status !== 'Deleting') return [startDeleting(s, vm)]
  if (isOff(s) && vm.attempts > 0 && vm.deadlineMs !== null && s.nowMs >= vm.deadlineMs) {
    return [{ kind: 'Move', to: 'Error', phase: 'Stopping', reason: vm.reason ?? HANGS, deadlineMs: null }]
  }
  const left = takeDown(s, vm)
  if (left.length > 0) return left
  return [
    { kind: 'Move', to: 'Deleted', phase: 'Gone', reason: vm.refused ? vm.reason : null, deadlineMs: null },
  ]
}

const startDeleting = (s: Situation, vm: VmRecord): Step => ({
  kind: 'Move',
  to: 'Deleting',
  phase: 'Stopping',
  reason: vm.refused || vm.status === 'Error' ? vm.reason : null,
  deadlineMs: s.nowMs + s.limits.deletingMs,
  change: { task: null, restoring: null },
})

/** Stops first: nothing else is touched while the guest may still write. */
const takeDown = (s: Situation, vm: VmRecord): readonly Step[] => {
  const stop = stopGuest(s, vm, 'ended')
  if (stop.length > 0) return stop
  return [
    ...(s.domain === null ? [] : [{ kind: 'Undefine' } as const]),
    ...(s.seed ? [{ kind: 'RemoveSeed' } as const] : []),
    ...(s.disk === null ? [] : [{ kind: 'QuarantineDisk', because: 'ended' } as const]),
  ]
}

const planPurge = (s: Situation, vm: VmRecord): readonly Step[] => {
  // A domain, seed or disk that reappears under a finished lease (a restored backup): the end is confirmed, so the
  // same steps apply; the record itself stays Deleted.
  const left = takeDown(s, vm)
  if (left.length > 0) return left
  const [newest] = s.aside
  // No disk is left, or another lease has taken it over: nothing will be entered with these keys again.
  if (newest?.quarantinedAt == null) return s.keys ? [{ kind: 'ForgetKeys' }] : []
  // All at once, and counted from the end of the lease: one that an order set aside long ago may be wanted back as well.
  // Both clocks have to agree that the time is over: one of them may have been set.
  const notAfter = Math.floor((Math.min(s.nowMs, s.chainNowMs) - s.limits.quarantineMs) / 1000)
  const sinceS = Math.max(newest.quarantinedAt, Math.floor((vm.endConfirmedMs ?? s.nowMs) / 1000))
  return sinceS <= notAfter ? [{ kind: 'PurgeDisk', notAfter }] : []
}
