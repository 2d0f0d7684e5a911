// What becomes of each lease of this node, as the newest block has it. What was known at the start is no news.
import type { LeaseView } from '@decloud/protocol'
import type { Hex } from 'viem'
import type { EventLog } from '../ports/events.ts'
import type { LeaseChain } from '../reconcile/ports.ts'

const SAID: Readonly<Partial<Record<LeaseView['status'], readonly [kind: string, message: string]>>> = {
  Active: ['lease.activated', 'the lease is active: it is billed from now on'],
  Ended: ['lease.ended', 'the lease has ended'],
}

/** @returns the end of it. */
export const recordLeases = (
  chain: Pick<LeaseChain, 'snapshot' | 'subscribe'>,
  events: EventLog,
): (() => void) => {
  const known = new Map<Hex, LeaseView['status']>()
  for (const [leaseId, { latest }] of chain.snapshot().leases) {
    if (latest !== undefined) known.set(leaseId, latest.status)
  }
  const tell = (leaseId: Hex, latest: LeaseView) => {
    const before = known.get(leaseId)
    if (before === latest.status) return
    known.set(leaseId, latest.status)
    const { status, tenant, pricePerHour } = latest
    const details = { tenant, pricePerHour, status }
    if (before === undefined)
      events.record({ kind: 'lease.seen', leaseId, by: tenant, message: 'a lease of this node', details })
    const [kind, message] = SAID[status] ?? []
    if (kind !== undefined && message !== undefined) events.record({ kind, leaseId, message, details })
  }
  return chain.subscribe((leaseIds) => {
    const { leases } = chain.snapshot()
    for (const leaseId of leaseIds ?? leases.keys()) {
      const latest = leases.get(leaseId)?.latest
      if (latest !== undefined) tell(leaseId, latest)
    }
  })
}
