// After a final end: stop, forget, set the disk aside, and purge it when the quarantine is over.
import type { Situation } from './situation.ts'
import type { Step } from './steps.ts'
import { stopGuest } from './stop.ts'
import type { VmRecord } from './vm.ts'

export const planRelease = (s: Situation): readonly Step[] => {
  const { vm } = s
  if (vm === null) {
    const anything = s.domain !== null || s.seed || s.disk !== null
    return anything ? [{ kind: 'Admit', deadlineMs: s.nowMs + s.limits.pendingMs }] : []
  }
  // The event alone destroys nothing: contract storage at a finalized block has to say the same.
  if (vm.endConfirmedMs === null) return [{ kind: 'ConfirmEnd' }]
  if (vm.status === 'Deleted') return planPurge(s)
  if (vm.status !== 'Deleting') return [startDeleting(s)]
  const stop = stopGuest(s, vm, 'ended')
  if (stop.length > 0) return stop
  return [
    ...(s.domain === null ? [] : [{ kind: 'Undefine' } as const]),
    ...(s.seed ? [{ kind: 'RemoveSeed' } as const] : []),
    ...(s.disk !== null && s.disk.quarantinedAt === null ? [{ kind: 'QuarantineDisk' } as const] : []),
    { kind: 'Move', to: 'Deleted', phase: 'Gone', reason: vm.refused ? vm.reason : null, deadlineMs: null },
  ]
}

const startDeleting = (s: Situation): Step => ({
  kind: 'Move',
  to: 'Deleting',
  phase: 'Stopping',
  reason: s.vm?.refused ? s.vm.reason : null,
  deadlineMs: s.nowMs + s.limits.graceMs,
})

const planPurge = (s: Situation): readonly Step[] => {
  if (s.disk === null || s.disk.quarantinedAt === null) return leftBehind(s, s.vm!)
  const notAfter = Math.floor((s.nowMs - s.limits.quarantineMs) / 1000)
  return s.disk.quarantinedAt <= notAfter ? [{ kind: 'PurgeDisk', notAfter }] : []
}

// A domain, seed or disk that reappears under a finished lease (a restored backup): the end is confirmed, so the same
// steps apply; the record itself stays Deleted.
const leftBehind = (s: Situation, vm: VmRecord): readonly Step[] => {
  const stop = stopGuest(s, vm, 'ended')
  if (stop.length > 0) return stop
  return [
    ...(s.domain === null ? [] : [{ kind: 'Undefine' } as const]),
    ...(s.seed ? [{ kind: 'RemoveSeed' } as const] : []),
    ...(s.disk === null ? [] : [{ kind: 'QuarantineDisk' } as const]),
  ]
}
