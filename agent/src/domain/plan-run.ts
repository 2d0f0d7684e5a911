// Towards a running, activated guest.
import type { Situation } from './situation.ts'
import type { Step } from './steps.ts'
import { isOff } from './stop.ts'
import type { Reason, VmRecord } from './vm.ts'

const TIMED_OUT: Reason = {
  code: 'provisioning-timeout',
  message: 'The guest did not become ready in the time allowed; the node goes on trying.',
}
const WENT_OFF: Reason = {
  code: 'guest-off',
  message: 'The guest went off without the lease having ended; it is started again.',
}
const DISK_LOST: Reason = {
  code: 'disk-missing',
  message:
    'The disk of this lease is gone from the node. It is not replaced by an empty one: close the lease.',
}

export const planRun = (s: Situation, vm: VmRecord, activated: boolean): readonly Step[] => {
  if (vm.refused) return []
  switch (vm.status) {
    case 'Pending':
    case 'Scheduling':
    case 'Stopped':
      return [provision(s, vm.status === 'Stopped' ? null : vm.reason)]
    case 'Error':
      return vm.nextAttemptMs <= s.nowMs ? [provision(s, vm.reason)] : []
    case 'Provisioning':
      return provisioning(s, vm, activated)
    case 'Running':
      return running(s, vm, activated)
    case 'Stopping':
      return isOff(s)
        ? [{ kind: 'Move', to: 'Stopped', phase: 'Waiting', reason: null, deadlineMs: null }]
        : [{ kind: 'Move', to: 'Running', phase: 'Running', reason: null, deadlineMs: null }]
    case 'Deleting':
    case 'Deleted':
      return [] // only a confirmed, finalized end leads here, and that is never taken back
  }
}

const provision = (s: Situation, reason: Reason | null): Step => ({
  kind: 'Move',
  to: 'Provisioning',
  phase: 'Waiting',
  reason,
  deadlineMs: Math.min(s.nowMs + s.limits.provisioningMs, s.activateByMs ?? Number.MAX_SAFE_INTEGER),
})

const running = (s: Situation, vm: VmRecord, activated: boolean): readonly Step[] => {
  if (isOff(s)) {
    return [{ kind: 'Move', to: 'Stopped', phase: 'Waiting', reason: WENT_OFF, deadlineMs: null }]
  }
  // A reorg may take an activation back; the journal sends it again while the deadline lasts.
  if (!activated) return vm.facts === null ? [{ kind: 'CheckReady' }] : [{ kind: 'Activate' }]
  if (s.nowMs - vm.checkedMs >= s.limits.recheckMs) return [{ kind: 'CheckReady' }]
  return vm.facts !== null && vm.checks.length > 0 && s.nowMs >= vm.servicesDueMs
    ? [{ kind: 'CheckServices' }]
    : []
}

const provisioning = (s: Situation, vm: VmRecord, activated: boolean): readonly Step[] => {
  if (vm.deadlineMs !== null && s.nowMs >= vm.deadlineMs) {
    const reason = vm.reason ?? TIMED_OUT
    return [{ kind: 'Move', to: 'Error', phase: vm.phase, reason, deadlineMs: null }]
  }
  if (isOff(s)) return boot(s, vm, activated)
  if (s.domain?.state === 'stopping') return []
  if (vm.facts === null) return [{ kind: 'CheckReady' }]
  if (!activated) return [{ kind: 'Activate' }]
  return [{ kind: 'Move', to: 'Running', phase: 'Running', reason: null, deadlineMs: null }]
}

const boot = (s: Situation, vm: VmRecord, activated: boolean): readonly Step[] => {
  if (vm.image === null) return [{ kind: 'OpenManifest' }]
  const noDisk = s.disk === null || s.disk.quarantinedAt !== null
  // An activated guest has the tenant's data on its disk: a fresh overlay would pass for it and be billed.
  if (noDisk && activated) return [{ kind: 'Refuse', reason: DISK_LOST }]
  return [
    { kind: 'Preflight', activation: !activated, newDisk: noDisk },
    { kind: 'EnsureImage' },
    ...(noDisk ? [{ kind: 'CreateDisk' } as const] : []),
    ...(s.seed ? [] : [{ kind: 'WriteSeed' } as const]),
    ...(s.domain === null
      ? [{ kind: 'Define' } as const]
      : s.domain.specHash === s.specHash
        ? []
        : [{ kind: 'Redefine' } as const]),
    { kind: 'Start' },
  ]
}
