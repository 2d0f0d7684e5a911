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
  /** Leases whose newest event was not final yet when finality moved last. */
  const unsettled = new Set<Hex>()
  let folded: { finalized: bigint | null; sights: ReadonlyMap<Hex, LeaseSight> } | null = null

  const load = (leaseId: Hex) => {
    const events = read(db, { address: leaseSources(options.deployment), topic1: leaseId })
    const latest = fold(events)
    // A lease that a reorg took away stays in sight without a view: absence is unknown, not an end.
    if (latest?.node !== node && !leases.has(leaseId)) return
    leases.set(leaseId, { events, latest })
    unsettled.add(leaseId)
    folded = null
  }

  /** @returns those for which the finality that has moved may mean something. */
  const settle = (finalized: bigint | null): readonly Hex[] => {
    const touched = [...unsettled]
    for (const leaseId of touched) {
      const last = leases.get(leaseId)?.events.at(-1)
      if (finalized !== null && (last === undefined || last.blockNumber <= finalized))
        unsettled.delete(leaseId)
    }
    return touched
  }

  for (const event of read(db, { address, topic2: numberToHex(node, { size: 32 }) })) {
    if (event.name === 'LeaseAssigned') load(event.args.leaseId)
  }

  return {
    /** @returns the leases of this node that the change touches. */
    apply(change: FeedChange, finalized: bigint | null): readonly Hex[] {
      if (change.kind === 'finalized') return settle(finalized)
      const named = new Set(change.events.flatMap((event) => leaseIdOfEvent(event) ?? []))
      for (const leaseId of named) load(leaseId)
      return [...named].filter((leaseId) => leases.has(leaseId))
    },
    /** @param finalized the height through which events are final; null while nothing may be taken as final. */
    sights(finalized: bigint | null): ReadonlyMap<Hex, LeaseSight> {
      // Asked for with every flight, and the same until a log or finality says otherwise.
      if (folded?.finalized !== finalized) folded = { finalized, sights: sightsOf(leases, finalized) }
      return folded.sights
    },
  }
}
export type LeaseFeed = ReturnType<typeof makeLeaseFeed>

const fold = (events: readonly ProtocolEvent[]) =>
  events.reduce<LeaseView | undefined>((lease, event) => applyLeaseEvent(lease, event), undefined)

const sightsOf = (
  leases: ReadonlyMap<Hex, Tracked>,
  finalized: bigint | null,
): ReadonlyMap<Hex, LeaseSight> =>
  new Map([...leases].map(([leaseId, tracked]) => [leaseId, sightOf(tracked, finalized)]))

const sightOf = ({ events, latest }: Tracked, finalized: bigint | null): LeaseSight => {
  if (finalized === null) return { latest, finalized: undefined }
  const last = events.at(-1)
  if (last === undefined || last.blockNumber <= finalized) return { latest, finalized: latest }
  return { latest, finalized: fold(events.filter((event) => event.blockNumber <= finalized)) }
}

const leaseIdOfEvent = (event: ProtocolEvent): Hex | undefined =>
  'leaseId' in event.args ? event.args.leaseId : undefined
