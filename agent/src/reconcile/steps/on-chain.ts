// Steps that write to the chain, or ask it a second time.
import { AgentError } from '../../lib/errors.ts'
import type { Executors } from './context.ts'
import { recordOf } from './records.ts'

/** The feed shows what was sent within a block or two; looking earlier would only send it again. */
const SEEN_MS = 2_000
const RECONFIRM_MS = 5_000

export const onChain: Executors<'Activate' | 'Expire' | 'ConfirmEnd'> = {
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
