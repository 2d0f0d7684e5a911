// Takes requests that name no node for this one, once the scheduler has had its minute. Any number of nodes may want the
// same request: the contract gives it to the first, and the others have lost nothing but a simulation.
import type { LeaseView } from '@decloud/protocol'
import type { Hex } from 'viem'
import { claimFrom, claimRefusal } from '../domain/duties.ts'
import { act } from './act.ts'
import type { DutyDeps } from './deps.ts'

/** Requests tried in one round at most. */
const ROUND = 8
/** A request that the contract refused for this node is not asked for again so soon. */
const AGAIN_MS = 60_000
const MAX_GAS = 600_000n

export const makeClaims = (deps: DutyDeps) => {
  const { chain, log, nowMs, signal } = deps
  const notBefore = new Map<Hex, number>()

  const forget = (requests: readonly LeaseView[]) => {
    const there = new Set(requests.map(({ leaseId }) => leaseId))
    for (const leaseId of notBefore.keys()) if (!there.has(leaseId)) notBefore.delete(leaseId)
  }

  /** @returns whether it was assigned to this node. */
  const claim = async (lease: LeaseView, chainNow: number): Promise<boolean> => {
    const { leaseId } = lease
    notBefore.set(leaseId, nowMs() + AGAIN_MS)
    // Read for each: the one before may have taken the last place.
    const [{ offer, policy }, room] = await Promise.all([chain.offer(), deps.room()])
    const refusal = claimRefusal(lease, offer, policy, room, chainNow)
    if (refusal !== null) {
      log.info({ duty: 'claim', leaseId, refusal }, 'a request does not fit this node')
      return false
    }
    const call = { kind: 'claim', dedupe: `claim:${leaseId}`, maxGas: MAX_GAS, ...chain.encode.assign(lease) }
    return (await act(deps, 'claim', call, { leaseId })).outcome === 'done'
  }

  return async (): Promise<null> => {
    const view = chain.view()
    if (view === null) return null
    forget(view.requests)
    const due = view.requests
      .map((lease) => ({ lease, from: claimFrom(lease, chain.node) }))
      .filter(({ lease, from }) => from <= view.chainNow && (notBefore.get(lease.leaseId) ?? 0) <= nowMs())
      .sort((a, b) => a.from - b.from)
    for (const { lease } of due.slice(0, ROUND)) {
      if (signal.aborted) return null
      await claim(lease, view.chainNow)
    }
    return null
  }
}
