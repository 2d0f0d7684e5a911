// What is kept for one deployment means nothing, or something wrong, on another.
import { migrate } from '@decloud/chain'
import { DecloudError, type Deployment } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'

const SCHEMA = [
  `CREATE TABLE store_identity (
     one INTEGER PRIMARY KEY CHECK (one = 1), chain_id INTEGER NOT NULL, escrow TEXT NOT NULL,
     -- The newest program that opened it.
     written_by TEXT NOT NULL
   ) STRICT`,
]

export type StoreIdentity = { chain_id: number; escrow: string; written_by: string }

/** Binds a new database to its deployment. @throws DecloudError `store-foreign` when it is bound to another. */
export const bindStore = (local: Database, { chainId, leaseEscrow }: Deployment, version: string): void => {
  migrate(local, 'identity', SCHEMA)
  const escrow = leaseEscrow.toLowerCase()
  local.prepare('INSERT OR IGNORE INTO store_identity VALUES (1, ?, ?, ?)').run(chainId, escrow, version)
  const found = identityOf(local)
  if (found.chain_id === chainId && found.escrow === escrow) {
    local.prepare('UPDATE store_identity SET written_by = ?').run(version)
    return
  }
  throw new DecloudError(
    'store-foreign',
    `local.sqlite belongs to another deployment (chain ${found.chain_id}, escrow ${found.escrow}).`,
    {
      hint: 'Give this keeper a data folder of its own, or the deployment file of that one.',
      details: { chainId: found.chain_id, escrow: found.escrow },
    },
  )
}

/** @param local a database that was bound. */
export const identityOf = (local: Database): StoreIdentity =>
  local.prepare('SELECT chain_id, escrow, written_by FROM store_identity').get() as StoreIdentity
