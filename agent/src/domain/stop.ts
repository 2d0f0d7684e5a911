import type { Situation } from './situation.ts'
import type { Because, Step } from './steps.ts'
import type { Reason, VmRecord } from './vm.ts'

export const isOff = ({ domain }: Situation): boolean =>
  domain === null || domain.state === 'stopped' || domain.state === 'crashed'

/** Asks first; cuts the power once the grace is over. Nothing when the guest is off. */
export const stopGuest = (s: Situation, vm: VmRecord, because: Because): readonly Step[] => {
  if (isOff(s)) return []
  const late = vm.deadlineMs === null || s.nowMs >= Math.min(vm.deadlineMs, vm.sinceMs + s.limits.graceMs)
  return [{ kind: late ? 'Destroy' : 'Shutdown', because }]
}

/**
 * Down to Stopped on the account of `because`, from wherever the guest is, and no further: disk, seed and domain stay.
 * What is Deleting or Deleted is left to the end of the lease.
 */
export const planDown = (s: Situation, vm: VmRecord, because: Because, reason: Reason): readonly Step[] => {
  if (s.outage !== null) return [{ kind: 'EndOutage' }]
  const deadlineMs = s.nowMs + s.limits.graceMs
  switch (vm.status) {
    case 'Deleting':
    case 'Deleted':
      return []
    case 'Running':
      return [{ kind: 'Move', to: 'Stopping', phase: 'Stopping', reason, deadlineMs }]
    case 'Pending':
    case 'Scheduling':
    case 'Provisioning':
      return [{ kind: 'Move', to: 'Error', phase: 'Stopping', reason, deadlineMs }]
    case 'Stopped':
      if (!isOff(s)) {
        return [{ kind: 'Move', to: 'Running', phase: 'Running', reason: null, deadlineMs: null }]
      }
      return vm.reason?.code === reason.code ? [] : [{ kind: 'Note', change: { reason } }]
    case 'Stopping':
    case 'Error': {
      const stop = stopGuest(s, vm, because)
      if (stop.length > 0 || vm.refused) return stop
      return [stopped(vm, reason)]
    }
  }
}

export const stopped = (vm: VmRecord, reason: Reason | null): Step => ({
  kind: 'Move',
  to: 'Stopped',
  phase: 'Waiting',
  reason,
  deadlineMs: null,
  // The guest is off: the first half of a reboot is done, and the start to come is the other.
  change: vm.task === 'reboot' ? { task: null } : {},
})
