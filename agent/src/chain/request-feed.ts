// Requests that name no node and wait for one, folded from stored logs.
import type { EventReader, FeedChange } from '@decloud/chain'
import { applyLeaseEvent, type Deployment, type LeaseView, leaseSources } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import type { Hex } from 'viem'

export const makeRequestFeed = (options: { db: Database; read: EventReader; deployment: Deployment }) => {
  const { db, read, deployment } = options
  const waiting = new Map<Hex, LeaseView>()

  const load = (leaseId: Hex) => {
    const events = read(db, { address: leaseSources(deployment), topic1: leaseId })
    const lease = events.reduce<LeaseView | undefined>(
      (view, event) => applyLeaseEvent(view, event),
      undefined,
    )
    if (lease?.status === 'Requested' && lease.terms.node === 0) waiting.set(leaseId, lease)
    else waiting.delete(leaseId)
  }

  for (const event of read(db, { address: deployment.leaseEscrow })) {
    if (event.name === 'LeaseRequested' && event.args.terms.node === 0) load(event.args.leaseId)
  }

  return {
    apply(change: FeedChange): void {
      if (change.kind === 'finalized') return
      const named = new Set(
        change.events.flatMap((event) => {
          if (event.name === 'LeaseRequested') return event.args.terms.node === 0 ? [event.args.leaseId] : []
          // Of any other lease nothing is to be learnt but that it no longer waits; after a rollback, that it does again.
          const leaseId = 'leaseId' in event.args ? event.args.leaseId : undefined
          if (leaseId === undefined || event.contract !== 'LeaseEscrow') return []
          return change.kind === 'reverted' || waiting.has(leaseId) ? [leaseId] : []
        }),
      )
      for (const leaseId of named) load(leaseId)
    },
    /** @param chainNow unix seconds; those that nobody may take any longer are forgotten. */
    waiting(chainNow: number): readonly LeaseView[] {
      for (const [leaseId, { activateBy }] of waiting) if (activateBy < chainNow) waiting.delete(leaseId)
      return [...waiting.values()]
    },
  }
}
export type RequestFeed = ReturnType<typeof makeRequestFeed>
