// Towards a running, activated guest, as far as its tenant wants it to run.

import type { OutageCause } from './outage.ts'
import { planOrders, STOPPED_BY_TENANT } from './plan-orders.ts'
import type { Situation } from './situation.ts'
import type { Step } from './steps.ts'
import { isOff, planDown } from './stop.ts'
import { hasRecovered, type Reason, type VmRecord } from './vm.ts'

const TIMED_OUT: Reason = {
  code: 'provisioning-timeout',
  message: 'The guest did not become ready in the time allowed; the node goes on trying.',
}
const WENT_OFF: Reason = {
  code: 'guest-off',
  message:
    'The guest went off against the wish of its tenant; it is started again, and the time is credited.',
}
export const PAUSED: Reason = {
  code: 'disk-full',
  message:
    'The disks of the node are full: the guest is paused, loses nothing, and goes on when there is room.',
}
const DISK_LOST: Reason = {
  code: 'disk-missing',
  message:
    'The disk of this lease is gone from the node. It is not replaced by an empty one: close the lease, or order a reinstall.',
}

export const planRun = (s: Situation, vm: VmRecord, activated: boolean): readonly Step[] => {
  // Before the first activation there is nothing to stop or reboot, and nothing is billed: orders wait.
  // One in hand is carried through all the same: it was active, and a reorg has only taken the activation back.
  const inHand = vm.task === 'reinstall' || vm.task === 'restore'
  if (!activated && !inHand) return vm.refused ? [] : towardsRunning(s, vm, false)
  const ordered = planOrders(s, vm)
  if (ordered !== null) return ordered
  if (vm.refused) return []
  if (s.wish.power === 'off') return planDown(s, vm, 'stopped', STOPPED_BY_TENANT)
  return [...startOutage(s, vm), ...towardsRunning(s, vm, true)]
}

const towardsRunning = (s: Situation, vm: VmRecord, activated: boolean): readonly Step[] => {
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
      return [] // only a confirmed, finalized end leads here
  }
}

/** An activated guest that is not at work although its tenant wants it to be. */
const startOutage = (s: Situation, vm: VmRecord): readonly Step[] => {
  if (s.outage !== null) return []
  const paused = isPausedForSpace(s)
  const offSinceMs = s.offSinceMs ?? Math.max(vm.checkedMs, vm.sinceMs)
  // It has reported since its last start: it was at work, though the record may not have come to say so yet.
  const wasUp = vm.status === 'Running' || (vm.status === 'Provisioning' && vm.facts !== null)
  if (wasUp && (paused || isOff(s))) {
    return [{ kind: 'BeginOutage', fromMs: Math.min(offSinceMs, s.nowMs), cause: causeOf(s) }]
  }
  // Taken down by an order, or by a top-up that came late: an outage only once starting it has failed.
  const failed = vm.status === 'Error' || (vm.status === 'Provisioning' && vm.attempts > 0)
  if (!failed || !isOff(s)) return []
  return [{ kind: 'BeginOutage', fromMs: Math.min(vm.sinceMs, s.nowMs), cause: 'not-restarted' }]
}

const causeOf = ({ domain }: Situation): OutageCause => {
  if (domain === null) return 'missing'
  if (domain.state === 'paused') return 'disk-full'
  return domain.state === 'crashed' ? 'crashed' : 'powered-off'
}

const isPausedForSpace = ({ domain }: Situation): boolean =>
  domain?.state === 'paused' && domain.pausedForSpace === true

const resume = (vm: VmRecord): readonly Step[] => [
  ...(vm.reason?.code === PAUSED.code ? [] : [{ kind: 'Note', change: { reason: PAUSED } } as const]),
  { kind: 'Resume' },
]

const provision = (s: Situation, reason: Reason | null): Step => ({
  kind: 'Move',
  to: 'Provisioning',
  phase: 'Waiting',
  reason,
  deadlineMs: Math.min(s.nowMs + s.limits.provisioningMs, s.activateByMs ?? Number.MAX_SAFE_INTEGER),
})

const running = (s: Situation, vm: VmRecord, activated: boolean): readonly Step[] => {
  if (isOff(s)) return [wentOff(s, vm)]
  if (isPausedForSpace(s)) return resume(vm)
  if (s.outage !== null) return [{ kind: 'EndOutage' }]
  // A reorg may take an activation back; the journal sends it again while the deadline lasts.
  if (!activated) return vm.facts === null ? [{ kind: 'CheckReady' }] : [{ kind: 'Activate' }]
  if (s.nowMs - vm.checkedMs >= s.limits.recheckMs) return [{ kind: 'CheckReady' }]
  if (vm.facts === null || s.domain?.state !== 'running') return []
  if (vm.manifestSeen !== s.manifestHash) return [{ kind: 'UpdateAccess' }]
  return vm.checks.length > 0 && s.nowMs >= vm.servicesDueMs ? [{ kind: 'CheckServices' }] : []
}

/** One restart for each time; the more often it goes off without having run for long, the later. */
const wentOff = (s: Situation, vm: VmRecord): Step => {
  const deaths = hasRecovered(vm, s.nowMs) ? 1 : vm.deaths + 1
  const { restartMs, restartCapMs } = s.limits
  const waitMs = deaths === 1 ? 0 : Math.min(restartCapMs, restartMs * 2 ** Math.min(deaths - 2, 30))
  return {
    kind: 'Move',
    to: 'Stopped',
    phase: 'Waiting',
    reason: WENT_OFF,
    deadlineMs: null,
    change: { deaths, nextAttemptMs: s.nowMs + waitMs },
  }
}

const provisioning = (s: Situation, vm: VmRecord, activated: boolean): readonly Step[] => {
  if (vm.deadlineMs !== null && s.nowMs >= vm.deadlineMs) {
    const reason = vm.reason ?? TIMED_OUT
    return [{ kind: 'Move', to: 'Error', phase: vm.phase, reason, deadlineMs: null }]
  }
  if (isOff(s)) return boot(s, vm, activated)
  if (s.domain?.state === 'stopping') return []
  if (isPausedForSpace(s)) return resume(vm)
  if (vm.facts === null) return [{ kind: 'CheckReady' }]
  if (!activated) return [{ kind: 'Activate' }]
  return [{ kind: 'Move', to: 'Running', phase: 'Running', reason: null, deadlineMs: null }]
}

const boot = (s: Situation, vm: VmRecord, activated: boolean): readonly Step[] => {
  if (vm.image === null) return [{ kind: 'OpenManifest' }]
  const [newest] = s.aside
  const fresh = vm.task === 'install'
  // A lease that lives again, or lost its record in the middle of an exchange: its own disk, never an empty one.
  if (s.disk === null && newest?.quarantinedAt != null && !fresh) {
    return [{ kind: 'RestoreDisk', quarantinedAt: newest.quarantinedAt, install: newest.install }]
  }
  // An activated guest has the tenant's data on its disk: a fresh overlay would pass for it and be billed.
  if (s.disk === null && activated && !fresh) return [{ kind: 'Refuse', reason: DISK_LOST }]
  const newSeed = !s.seed || fresh || vm.task === 'reseed'
  return [
    { kind: 'Preflight', activation: !activated, newDisk: s.disk === null },
    { kind: 'EnsureImage' },
    ...(s.disk === null ? [{ kind: 'CreateDisk', beside: fresh } as const] : []),
    ...(newSeed ? [{ kind: 'WriteSeed' } as const] : []),
    ...(s.domain === null
      ? [{ kind: 'Define' } as const]
      : s.domain.specHash === s.specHash
        ? []
        : [{ kind: 'Redefine' } as const]),
    { kind: 'Start' },
  ]
}
