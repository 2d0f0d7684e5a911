// Steps that take something down. Each checks by itself that it may: the plan is not the only guard.
import type { Because } from '../../domain/steps.ts'
import { AgentError } from '../../lib/errors.ts'
import type { Executors, StepContext } from './context.ts'
import { recordOf } from './records.ts'

/** Between asking a guest to power off and looking whether it has; its own event comes earlier. */
const STOPPING_MS = 1_000

export const teardown: Executors<
  'Shutdown' | 'Destroy' | 'Undefine' | 'RemoveSeed' | 'QuarantineDisk' | 'PurgeDisk' | 'ForgetKeys'
> = {
  Shutdown: async (context, { because }) => {
    await mayStop(context, because)
    await context.deps.hypervisor.shutdown(context.lease.leaseId)
    return { waitMs: STOPPING_MS }
  },

  Destroy: async (context, { because }) => {
    await mayStop(context, because)
    await context.deps.hypervisor.destroy(context.lease.leaseId)
    return undefined
  },

  Undefine: async (context) => {
    await requireEnd(context)
    await context.deps.hypervisor.undefine(context.lease.leaseId)
    return undefined
  },

  RemoveSeed: async (context) => {
    await requireEnd(context)
    await context.deps.seeds.remove(context.lease.leaseId)
    return undefined
  },

  QuarantineDisk: async (context, { because }) => {
    if (because === 'ended') await requireEnd(context)
    else requireTask(context, because)
    const { deps, lease } = context
    // The later of two clocks, so that one that is behind does not shorten the quarantine.
    const at = Math.max(Math.floor(deps.nowMs() / 1000), deps.chain.snapshot().chainNow ?? 0)
    await deps.disks.quarantine(lease.leaseId, at, recordOf(context).install)
    return undefined
  },

  PurgeDisk: async (context, { notAfter }) => {
    await requireEnd(context)
    await context.deps.disks.purge(context.lease.leaseId, notAfter)
    context.deps.log.info({ leaseId: context.lease.leaseId }, 'quarantine over: disk purged')
    return undefined
  },

  ForgetKeys: async (context) => {
    await requireEnd(context)
    await context.deps.keys.remove(context.lease.leaseId)
    return undefined
  },
}

/** Confirmed once is not enough: days may lie between that and a purge, and an end can be undone. */
const requireEnd = async (context: StepContext) => {
  const { chain } = context.deps
  if (!chain.snapshot().fresh) throw frozen()
  if (recordOf(context).endConfirmedMs === null || !(await chain.confirmEnded(context.lease.leaseId))) {
    throw new AgentError('end-unconfirmed', 'The end of the lease is not confirmed by contract storage.')
  }
}

/** The order was noted as served before anything is done for it. */
const requireTask = (context: StepContext, task: 'reboot' | 'reinstall' | 'restore') => {
  if (task !== 'reboot' && !context.deps.chain.snapshot().fresh) throw frozen()
  if (recordOf(context).task !== task) {
    throw new AgentError('order-missing', 'No order of the tenant for this is in hand.')
  }
}

const mayStop = async (context: StepContext, because: Because) => {
  if (because === 'ended') return requireEnd(context)
  if (because === 'stopped') {
    if (context.deps.wishes.of(context.lease.leaseId).power === 'off') return
    throw new AgentError('order-withdrawn', 'The tenant wants the guest to run.')
  }
  if (because !== 'depleted') return requireTask(context, because)
  if (!context.deps.chain.snapshot().fresh) throw frozen()
  if (!(await context.deps.chain.confirmDepleted(context.lease.leaseId))) {
    throw new AgentError(
      'depletion-unconfirmed',
      'Contract storage does not say that the paid time is used up.',
    )
  }
}

const frozen = () =>
  new AgentError('feed-stale', 'The view of the chain is not current: nothing is taken down until it is.')
