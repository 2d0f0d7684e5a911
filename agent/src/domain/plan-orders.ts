// Orders of the tenant on an active lease: reboot, reinstall, restore. Each is noted as served before its first effect.
import type { DiskRecord } from '../ports/storage.ts'
import type { Situation } from './situation.ts'
import type { Step } from './steps.ts'
import { isOff, stopGuest, stopped } from './stop.ts'
import type { Reason, RecordChange, Task, VmRecord } from './vm.ts'

export const STOPPED_BY_TENANT: Reason = {
  code: 'stopped-by-tenant',
  message: 'Stopped by its tenant. The place on the node stays reserved and billed; starting it is free.',
}
const REBOOTING: Reason = { code: 'rebooting', message: 'The guest is rebooted, as its tenant asked.' }
const REINSTALLING: Reason = {
  code: 'reinstalling',
  message: 'The guest is installed anew, as its tenant asked; its old disk is set aside and can be restored.',
}
const RESTORING: Reason = {
  code: 'restoring',
  message: 'The disk set aside last is brought back, as the tenant asked; the present one is set aside.',
}
const DISKS_KEPT: Reason = {
  code: 'disks-kept',
  message:
    'Not installed anew: the earlier disks of this lease are kept until it ends, and there is room for no more of them.',
}
const NOTHING_ASIDE: Reason = {
  code: 'nothing-to-restore',
  message: 'Nothing restored: no earlier disk of this lease is set aside.',
}

/** @returns the next steps on account of an order; null when none is in hand or asked for. */
export const planOrders = (s: Situation, vm: VmRecord): readonly Step[] | null => {
  if (vm.status === 'Deleting' || vm.status === 'Deleted') return null
  if (vm.task === 'reinstall' || vm.task === 'restore') return planDisk(s, vm, vm.task)
  if (vm.task === 'reboot') return planReboot(s, vm)
  // A disk changes hands only while the chain can be believed: an order may come from there, and so may an end.
  const exchange = s.fresh ? nextExchange(s, vm) : null
  if (exchange !== null) return exchange === 'reinstall' ? takeUpReinstall(s, vm) : takeUpRestore(s, vm)
  const reboots = s.wish.rebootAtMs > vm.served.rebootMs && s.wish.power === 'on'
  // A guest that is off, or only starting, serves the order by the start that is due in any case, or later.
  if (!reboots || vm.status !== 'Running' || isOff(s)) return null
  const served = { ...vm.served, rebootMs: s.wish.rebootAtMs }
  return [stopping(s, REBOOTING, { task: 'reboot', served })]
}

/** In the order in which they were given: what was ordered last decides which disk it ends with. */
const nextExchange = ({ wish }: Situation, { served }: VmRecord): 'reinstall' | 'restore' | null => {
  const reinstall = wish.reinstallAtMs > served.reinstallMs
  const restore = wish.restoreAtMs > served.restoreMs
  if (reinstall && restore) return wish.reinstallAtMs <= wish.restoreAtMs ? 'reinstall' : 'restore'
  if (reinstall) return 'reinstall'
  return restore ? 'restore' : null
}

const stopping = (s: Situation, reason: Reason, change: RecordChange): Step => ({
  kind: 'Move',
  to: 'Stopping',
  phase: 'Stopping',
  reason,
  deadlineMs: s.nowMs + s.limits.graceMs,
  change,
})

const takeUpReinstall = (s: Situation, vm: VmRecord): readonly Step[] => {
  const served = { ...vm.served, reinstallMs: s.wish.reinstallAtMs }
  if (s.aside.length >= s.limits.keptDisks) {
    return [{ kind: 'Note', change: { served, reason: DISKS_KEPT } }]
  }
  return takeUp(s, vm, REINSTALLING, { task: 'reinstall', served, refused: false })
}

const takeUpRestore = (s: Situation, vm: VmRecord): readonly Step[] => {
  const served = { ...vm.served, restoreMs: s.wish.restoreAtMs }
  const [newest] = s.wish.restoreFrom === null ? s.aside : s.offered
  if (newest === undefined) return [{ kind: 'Note', change: { served, reason: NOTHING_ASIDE } }]
  const restoring = newest.quarantinedAt
  return takeUp(s, vm, RESTORING, { task: 'restore', served, restoring, refused: false })
}

const takeUp = (s: Situation, vm: VmRecord, reason: Reason, change: RecordChange): readonly Step[] =>
  vm.status === 'Running' ? [stopping(s, reason, change)] : [{ kind: 'Note', change: { ...change, reason } }]

const planReboot = (s: Situation, vm: VmRecord): readonly Step[] | null => {
  if (vm.status === 'Running') {
    return isOff(s) ? [stopped(vm, null)] : [stopping(s, REBOOTING, {})]
  }
  if (vm.status !== 'Stopping') return null
  const stop = stopGuest(s, vm, 'reboot')
  return stop.length > 0 ? stop : [stopped(vm, null)]
}

const planDisk = (s: Situation, vm: VmRecord, task: Task & ('reinstall' | 'restore')): readonly Step[] => {
  const reason = task === 'reinstall' ? REINSTALLING : RESTORING
  const off = isOff(s)
  if (s.outage !== null) return [{ kind: 'EndOutage' }]
  switch (vm.status) {
    case 'Running':
      return off ? [stopped(vm, reason)] : [stopping(s, reason, {})]
    case 'Pending':
    case 'Scheduling':
    case 'Provisioning': {
      const deadlineMs = s.nowMs + s.limits.graceMs
      return [{ kind: 'Move', to: 'Error', phase: 'Stopping', reason, deadlineMs }]
    }
    case 'Stopping':
      return off ? [stopped(vm, reason)] : stopGuest(s, vm, task)
    case 'Error':
      return off ? exchange(s, vm, task) : stopGuest(s, vm, task)
    case 'Stopped':
      return off
        ? exchange(s, vm, task)
        : [{ kind: 'Move', to: 'Running', phase: 'Running', reason, deadlineMs: null }]
    case 'Deleting':
    case 'Deleted':
      return []
  }
}

/** The guest is off. A disk in use is still the old one: what replaces it comes after the task has been moved on. */
const exchange = (s: Situation, vm: VmRecord, task: 'reinstall' | 'restore'): readonly Step[] => {
  const setAside: readonly Step[] = s.disk === null ? [] : [{ kind: 'QuarantineDisk', because: task }]
  if (task === 'reinstall') {
    // By the manifest in force now, whose image may be another.
    const change: RecordChange = { task: 'install', install: vm.served.reinstallMs, image: null }
    return [...setAside, { kind: 'Note', change }]
  }
  const wanted = [...s.offered, ...s.aside].find(({ quarantinedAt }) => quarantinedAt === vm.restoring)
  // No longer in quarantine: it has been brought back already, and only the record of that is missing.
  const bringBack: readonly Step[] =
    wanted?.quarantinedAt == null
      ? []
      : [...setAside, takeBack(vm, { ...wanted, quarantinedAt: wanted.quarantinedAt })]
  return [...bringBack, { kind: 'Note', change: { task: 'reseed', restoring: null } }]
}

const takeBack = (vm: VmRecord, disk: DiskRecord & { quarantinedAt: number }): Step => {
  const { leaseId: from, quarantinedAt, install } = disk
  return from === vm.leaseId
    ? { kind: 'RestoreDisk', quarantinedAt, install }
    : { kind: 'AdoptDisk', from, quarantinedAt, install }
}
