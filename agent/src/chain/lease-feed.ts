// The leases of one node, folded from stored logs: once as of the newest block, once as of the finalized one.
import type { EventReader, FeedChange } from '@decloud/chain'
import {
  applyLeaseEvent,
  type Deployment,
  type LeaseView,
  leaseSources,
  type ProtocolEvent,
} from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import { type Hex, numberToHex } from 'viem'
import type { LeaseSight } from '../domain/desired.ts'

type Tracked = { readonly events: readonly ProtocolEvent[]; readonly latest: LeaseView | undefined }

export const makeLeaseFeed = (options: {
  db: Database
  read: EventReader
  deployment: Deployment
  node: number
}) => {
  const { db, read, node } = options
  const address = options.deployment.leaseEscrow
  const leases = new Map<Hex, Tracked>()

  const load = (leaseId: Hex) => {
    const events = read(db, { address: leaseSources(options.deployment), topic1: leaseId })
    const latest = fold(events)
    // A lease that a reorg took away stays in sight without a view: absence is unknown, not an end.
    if (latest?.node === node || leases.has(leaseId)) leases.set(leaseId, { events, latest })
  }

  for (const event of read(db, { address, topic2: numberToHex(node, { size: 32 }) })) {
    if (event.name === 'LeaseAssigned') load(event.args.leaseId)
  }

  return {
    /** @returns the leases of this node that the change touches; null when any may be (finality moved). */
    apply(change: FeedChange): readonly Hex[] | null {
      if (change.kind === 'finalized') return null
      const named = new Set(change.events.flatMap((event) => leaseIdOfEvent(event) ?? []))
      for (const leaseId of named) load(leaseId)
      return [...named].filter((leaseId) => leases.has(leaseId))
    },
    /** @param finalized the height through which events are final; null while nothing may be taken as final. */
    sights(finalized: bigint | null): ReadonlyMap<Hex, LeaseSight> {
      return new Map([...leases].map(([leaseId, tracked]) => [leaseId, sightOf(tracked, finalized)]))
    },
  }
}
export type LeaseFeed = ReturnType<typeof makeLeaseFeed>

const fold = (events: readonly ProtocolEvent[]) =>
  events.reduce<LeaseView | undefined>((lease, event) => applyLeaseEvent(lease, event), undefined)

const sightOf = ({ events, latest }: Tracked, finalized: bigint | null): LeaseSight => {
  if (finalized === null) return { latest, finalized: undefined }
  const last = events.at(-1)
  if (last === undefined || last.blockNumber <= finalized) return { latest, finalized: latest }
  return { latest, finalized: fold(events.filter((event) => event.blockNumber <= finalized)) }
}

const leaseIdOfEvent = (event: ProtocolEvent): Hex | undefined =>
  'leaseId' in event.args ? event.args.leaseId : undefined
