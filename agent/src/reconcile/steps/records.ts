// Steps that only write down. They come before the effects they announce.
import { admitted, moved, type VmRecord } from '../../domain/vm.ts'
import { AgentError } from '../../lib/errors.ts'
import type { Executors, StepContext } from './context.ts'

export const recordOf = ({ vm, lease }: StepContext): VmRecord => {
  if (vm !== null) return vm
  throw new AgentError('vm-not-admitted', `There is no record of ${lease.leaseId} yet.`)
}

export const records: Executors<'Admit' | 'Move' | 'Refuse' | 'Note' | 'BeginOutage' | 'EndOutage'> = {
  Admit: async ({ deps, lease }, { deadlineMs }) => {
    if (deps.store.get(lease.leaseId) === null) {
      deps.store.put(admitted(lease.leaseId, deps.nowMs(), deadlineMs, deps.wishes.of(lease.leaseId)))
    }
    return undefined
  },

  Move: async (context, change) => {
    const vm = recordOf(context)
    context.deps.store.put(moved(vm, change, context.deps.nowMs()))
    if (change.to === 'Deleted') context.deps.resources.ledger.release(vm.leaseId)
    context.deps.log.info(
      { leaseId: vm.leaseId, from: vm.status, to: change.to, reason: change.reason?.code ?? null },
      `VM ${vm.status} → ${change.to}`,
    )
    return undefined
  },

  Note: async (context, { change }) => {
    const vm = recordOf(context)
    context.deps.store.put({ ...vm, ...change })
    const task = change.task ?? vm.task
    context.deps.log.info({ leaseId: vm.leaseId, task, reason: change.reason?.code ?? null }, 'noted')
    return undefined
  },

  BeginOutage: async ({ deps, lease }, { fromMs, cause }) => {
    deps.outages.begin(lease.leaseId, fromMs, cause)
    deps.log.warn({ leaseId: lease.leaseId, cause }, "the guest is off against its tenant's wish")
    return undefined
  },

  EndOutage: async ({ deps, lease }) => {
    // What is off after the end of the lease is nobody's loss.
    const endedMs = lease.status === 'Ended' ? lease.endedAt * 1000 : Number.POSITIVE_INFINITY
    deps.outages.end(lease.leaseId, Math.min(deps.nowMs(), endedMs))
    return undefined
  },

  Refuse: async (context, { reason }) => {
    const vm = recordOf(context)
    const nowMs = context.deps.nowMs()
    context.deps.store.put({
      ...(vm.status === 'Error'
        ? vm
        : moved(vm, { to: 'Error', phase: 'Waiting', reason, deadlineMs: null }, nowMs)),
      reason,
      refused: true,
    })
    // An activated lease keeps its room: its tenant may have it set up anew.
    if (context.lease.status !== 'Active') context.deps.resources.ledger.release(vm.leaseId)
    context.deps.log.warn({ leaseId: vm.leaseId, reason: reason.code }, reason.message)
    return undefined
  },
}
