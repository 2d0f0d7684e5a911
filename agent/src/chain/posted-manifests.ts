// The manifests that tenants have posted on chain for their leases, as the stored logs have them: the contract let nobody
// else, and a reorg takes its postings back with its logs.
import type { EventReader, FeedChange } from '@decloud/chain'
import type { Deployment, LeaseView } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import type { Hex } from 'viem'

export type PostedManifest = { readonly manifestHash: Hex; readonly ciphertext: Hex }

export interface PostedManifests {
  /** Newest first. */
  of(leaseId: Hex): readonly PostedManifest[]
  /** @returns the leases for which the change brought one or took one back. */
  apply(change: FeedChange): readonly Hex[]
}

export const makePostedManifests = (
  db: Database,
  read: EventReader,
  { leaseAccess }: Pick<Deployment, 'leaseAccess'>,
): PostedManifests => {
  // Read once, until an event names the lease again: the planner asks for every lease on every round.
  const known = new Map<Hex, readonly PostedManifest[]>()
  const load = (leaseId: Hex): readonly PostedManifest[] =>
    leaseAccess === undefined
      ? []
      : read(db, { address: leaseAccess, topic1: leaseId })
          .flatMap((event) => (event.name === 'ManifestPosted' ? [event.args] : []))
          .reverse()
  return {
    of: (leaseId) => {
      const posted = known.get(leaseId) ?? load(leaseId)
      known.set(leaseId, posted)
      return posted
    },
    apply: (change) => {
      if (change.kind === 'finalized') return []
      const named = new Set(
        change.events.flatMap((event) => (event.name === 'ManifestPosted' ? [event.args.leaseId] : [])),
      )
      for (const leaseId of named) known.delete(leaseId)
      return [...named]
    },
  }
}

/** What the manifest in force opens to: the newest that the tenant has posted replaces that of the signed terms. */
export const manifestHashOf = (
  { terms }: Pick<LeaseView, 'terms'>,
  [newest]: readonly PostedManifest[],
): Hex => newest?.manifestHash ?? terms.manifestHash
