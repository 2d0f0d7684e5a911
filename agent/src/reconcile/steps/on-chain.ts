// Steps that write to the chain, or ask it a second time.
import { admitted, moved } from '../../domain/vm.ts'
import { AgentError } from '../../lib/errors.ts'
import type { Executors } from './context.ts'
import { recordOf } from './records.ts'

/** The feed shows what was sent within a block or two; looking earlier would only send it again. */
const SEEN_MS = 2_000
const RECONFIRM_MS = 5_000

const ALIVE_AGAIN = {
  code: 'alive-again',
  message:
    'The end of the lease was taken back on chain: its guest is set up again on the disk that was set aside.',
}

export const onChain: Executors<'Activate' | 'Expire' | 'ConfirmEnd' | 'Revive'> = {
  Activate: async (context) => {
    const { deps, lease } = context
    const { facts } = recordOf(context)
    if (facts === null) {
      throw new AgentError('guest-silent', 'The guest has not reported its host key yet.')
    }
    await deps.chain.activate(lease.leaseId, facts.sshHostKeyFingerprint)
    return { waitMs: SEEN_MS }
  },

  Expire: async ({ deps, lease }) => {
    await deps.chain.expire(lease.leaseId)
    return { waitMs: SEEN_MS }
  },

  Revive: async (context, { deadlineMs }) => {
    const { deps, lease } = context
    const vm = recordOf(context)
    // Asked first: if storage still says that the lease has ended, the feed is behind, and nothing is undone.
    if (await deps.chain.confirmEnded(lease.leaseId)) return { waitMs: RECONFIRM_MS }
    const nowMs = deps.nowMs()
    deps.log.warn({ leaseId: lease.leaseId, status: vm.status }, ALIVE_AGAIN.message)
    const alive = { ...vm, endConfirmedMs: null }
    if (vm.status === 'Deleting') {
      const change = { to: 'Error', phase: 'Waiting', reason: ALIVE_AGAIN, deadlineMs: null } as const
      deps.store.put(moved(alive, change, nowMs))
    } else if (vm.status === 'Deleted') {
      // Deleted is final: what lives again has a record of its own, and keeps what was ordered and installed before.
      const anew = admitted(lease.leaseId, nowMs, deadlineMs, deps.wishes.of(lease.leaseId))
      deps.store.put({ ...anew, reason: ALIVE_AGAIN, install: vm.install, served: vm.served })
    } else deps.store.put(alive)
    return undefined
  },

  ConfirmEnd: async (context) => {
    const { deps, lease } = context
    if (!(await deps.chain.confirmEnded(lease.leaseId))) {
      deps.log.warn(
        { leaseId: lease.leaseId },
        'a final end in the logs is not in contract storage: nothing is taken down',
      )
      return { waitMs: RECONFIRM_MS }
    }
    deps.store.put({ ...recordOf(context), endConfirmedMs: deps.nowMs(), nextAttemptMs: 0 })
    return undefined
  },
}
