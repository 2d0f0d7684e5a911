import { withLimits } from './plan-limits.ts'
import { planRelease } from './plan-release.ts'
import { planRun } from './plan-run.ts'
import type { Situation } from './situation.ts'
import { BOOKKEEPING, DESTRUCTIVE, type Step } from './steps.ts'
import { isOff, stopGuest } from './stop.ts'
import type { VmRecord } from './vm.ts'

/** @returns the next steps, in order; none when there is nothing to do, or nothing that may be done now. */
export const plan = (s: Situation): readonly Step[] => {
  const steps = withLimits(s, unguarded(s))
  const paced = s.vm !== null && s.vm.nextAttemptMs > s.nowMs
  const held = steps.findIndex(
    ({ kind }) => (DESTRUCTIVE.has(kind) && !s.fresh) || (paced && !BOOKKEEPING.has(kind)),
  )
  // Order matters: what comes after a step that is held back is held back too.
  return held === -1 ? steps : steps.slice(0, held)
}

const unguarded = (s: Situation): readonly Step[] => {
  if (s.domain?.state === 'unknown') return []
  switch (s.target.kind) {
    case 'unknown':
    case 'nothing':
      return []
    case 'run':
      return s.vm === null ? [admit(s)] : planRun(s, s.vm, s.target.activated)
    case 'wait':
      return planWait(s, s.target.reason)
    case 'hold':
      return planHold(s, s.target.reason)
    case 'release':
      return planRelease(s)
  }
}

const admit = (s: Situation): Step => ({ kind: 'Admit', deadlineMs: s.nowMs + s.limits.pendingMs })

const planWait = (s: Situation, reason: NonNullable<VmRecord['reason']>): readonly Step[] => {
  const overdue = s.activateByMs !== null && s.nowMs - s.activateByMs >= s.limits.expireAfterMs
  if (s.vm === null) return overdue ? [admit(s)] : []
  const steps: Step[] = []
  if (s.vm.status === 'Pending' || s.vm.status === 'Provisioning') {
    steps.push({
      kind: 'Move',
      to: 'Error',
      phase: 'Waiting',
      reason: s.vm.reason ?? reason,
      deadlineMs: null,
    })
  }
  if (overdue) steps.push({ kind: 'Expire' })
  return steps
}

const planHold = (s: Situation, reason: NonNullable<VmRecord['reason']>): readonly Step[] => {
  const { vm } = s
  if (vm === null) return [admit(s)]
  if (vm.status === 'Deleting' || vm.status === 'Deleted') return []
  const stopBy = s.nowMs + s.limits.graceMs
  if (vm.status === 'Stopped' && !isOff(s)) {
    return [{ kind: 'Move', to: 'Running', phase: 'Running', reason: null, deadlineMs: null }]
  }
  if (vm.status === 'Running') {
    return [{ kind: 'Move', to: 'Stopping', phase: 'Stopping', reason, deadlineMs: stopBy }]
  }
  if (vm.status === 'Pending' || vm.status === 'Provisioning') {
    return [{ kind: 'Move', to: 'Error', phase: 'Stopping', reason, deadlineMs: stopBy }]
  }
  const stop = stopGuest(s, vm, 'depleted')
  if (stop.length > 0) return stop
  return vm.status === 'Stopping' || (vm.status === 'Error' && !vm.refused)
    ? [{ kind: 'Move', to: 'Stopped', phase: 'Waiting', reason, deadlineMs: null }]
    : []
}
