// Takes back the leases that the operator wants rid of: notice first, and the machine only when that is over.
import { isAddressEqual } from 'viem'
import { reclaimStep } from '../domain/duties.ts'
import type { ReclaimAsk } from '../state/reclaim-asks.ts'
import { act } from './act.ts'
import type { DutyDeps } from './deps.ts'

const MAX_GAS = 400_000n
/** A refusal is looked at again after so long. */
const AGAIN_MS = 10 * 60_000

export const makeReclaims = (deps: DutyDeps) => {
  const { chain, asks, log, nowMs, signal } = deps
  const notBefore = new Map<string, number>()

  const work = async ({ leaseId, reason }: ReclaimAsk, kind: 'startReclaim' | 'reclaim') => {
    const dedupe = `${kind}:${leaseId}`
    if ((notBefore.get(dedupe) ?? 0) > nowMs() || chain.isUnderway(kind)) return
    notBefore.set(dedupe, nowMs() + AGAIN_MS)
    const target =
      kind === 'reclaim' ? chain.encode.reclaim(leaseId) : chain.encode.startReclaim(leaseId, reason)
    await act(deps, 'reclaim', { kind, dedupe, maxGas: MAX_GAS, ...target }, { leaseId, reason })
  }

  /** @returns whether this agent may do it at all. */
  return async (): Promise<'not-operator' | null> => {
    const view = chain.view()
    const asked = asks.all((name) => log.warn({ duty: 'reclaim', name }, 'an ask to reclaim makes no sense'))
    if (view === null || asked.length === 0) return null
    if (!isAddressEqual(await chain.operator(), chain.agent)) return 'not-operator'
    for (const ask of asked) {
      if (signal.aborted) return null
      const lease = view.leases.find(({ leaseId }) => leaseId === ask.leaseId)
      // Of a lease that is not in sight nothing is known: the ask stands.
      if (lease === undefined) continue
      const step = reclaimStep(lease, view.chainNow)
      if (step === 'over') asks.remove(ask.leaseId)
      if (step === 'notice') await work(ask, 'startReclaim')
      if (step === 'reclaim') await work(ask, 'reclaim')
    }
    return null
  }
}
