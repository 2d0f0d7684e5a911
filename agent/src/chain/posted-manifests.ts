import type { EventReader } from '@decloud/chain'
import type { Deployment } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import type { Hex } from 'viem'

/** The sealed manifests that the tenant has posted on chain for a lease, newest first; the contract let nobody else. */
export const makePostedManifests =
  (db: Database, read: EventReader, { leaseAccess }: Deployment) =>
  (leaseId: Hex): readonly Hex[] =>
    leaseAccess === undefined
      ? []
      : read(db, { address: leaseAccess, topic1: leaseId })
          .flatMap((event) => (event.name === 'ManifestPosted' ? [event.args.ciphertext] : []))
          .reverse()
