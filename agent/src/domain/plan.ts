import { TRANSIENT } from '@decloud/protocol'
import { withLimits } from './plan-limits.ts'
import { planRelease } from './plan-release.ts'
import { planRun } from './plan-run.ts'
import type { Situation } from './situation.ts'
import { BOOKKEEPING, needsFeed, type Step } from './steps.ts'
import { isOff, planDown } from './stop.ts'
import type { Reason, VmRecord } from './vm.ts'

const OUT_OF_SIGHT: Reason = {
  code: 'lease-unseen',
  message: 'The chain does not show this lease at the moment; nothing is done about it until it does.',
}

/** @returns the next steps, in order; none when there is nothing to do, or nothing that may be done now. */
export const plan = (s: Situation): readonly Step[] => {
  const steps = withLimits(s, unguarded(s))
  const paced = s.vm !== null && s.vm.nextAttemptMs > s.nowMs
  const held = steps.findIndex(
    (step) => (needsFeed(step) && !s.fresh) || (paced && !BOOKKEEPING.has(step.kind)),
  )
  // Order matters: what comes after a step that is held back is held back too.
  return held === -1 ? steps : steps.slice(0, held)
}

const unguarded = (s: Situation): readonly Step[] => {
  if (s.domain?.state === 'unknown') return []
  switch (s.target.kind) {
    case 'unknown':
    case 'nothing':
      return s.vm === null ? [] : settleTransient(s, s.vm, OUT_OF_SIGHT)
    case 'run':
      if (s.vm === null) return [admit(s)]
      return s.vm.endConfirmedMs === null ? planRun(s, s.vm, s.target.activated) : revive(s)
    case 'wait':
      return planWait(s, s.target.reason)
    case 'hold':
      if (s.vm === null) return [admit(s)]
      return s.vm.endConfirmedMs === null ? planDown(s, s.vm, 'depleted', s.target.reason) : revive(s)
    case 'release':
      return planRelease(s)
  }
}

const admit = (s: Situation): Step => ({ kind: 'Admit', deadlineMs: s.nowMs + s.limits.pendingMs })

/** Its end was confirmed, and now the chain shows it alive: asked again before anything is undone. */
const revive = (s: Situation): readonly Step[] =>
  s.fresh ? [{ kind: 'Revive', deadlineMs: s.nowMs + s.limits.pendingMs }] : []

const planWait = (s: Situation, reason: Reason): readonly Step[] => {
  const overdue = s.activateByMs !== null && s.nowMs - s.activateByMs >= s.limits.expireAfterMs
  if (s.vm === null) return overdue ? [admit(s)] : []
  const steps: Step[] = s.outage === null ? [] : [{ kind: 'EndOutage' }]
  if (s.vm.status === 'Pending' || s.vm.status === 'Provisioning') {
    steps.push({
      kind: 'Move',
      to: 'Error',
      phase: 'Waiting',
      reason: s.vm.reason ?? reason,
      deadlineMs: null,
    })
  } else steps.push(...settleTransient(s, s.vm, reason))
  if (overdue) steps.push({ kind: 'Expire' })
  return steps
}

/** Nothing is done for the lease, but no status that must pass outlives its deadline: it becomes what is the case. */
const settleTransient = (s: Situation, vm: VmRecord, reason: Reason): readonly Step[] => {
  const late = vm.deadlineMs === null || s.nowMs >= vm.deadlineMs
  if (!TRANSIENT.has(vm.status) || !late) return []
  const to = vm.status !== 'Stopping' ? 'Error' : isOff(s) ? 'Stopped' : 'Running'
  const phase = to === 'Running' ? 'Running' : 'Waiting'
  return [{ kind: 'Move', to, phase, reason: vm.reason ?? reason, deadlineMs: null }]
}
