// When the ledger was last held against contract storage, and what came of it: doctor and health tell it.
import { migrate } from '@decloud/chain'
import type { Database } from 'better-sqlite3'

const SCHEMA = [
  `CREATE TABLE audits (
     id INTEGER PRIMARY KEY, at INTEGER NOT NULL, outcome TEXT NOT NULL, height INTEGER, differences INTEGER NOT NULL
   ) STRICT`,
]
const KEPT = 1_000

/** `at` in unix seconds. */
export type AuditRecord = { at: number; outcome: string; height: number | null; differences: number }

export const makeAuditBook = (local: Database) => {
  migrate(local, 'audits', SCHEMA)
  const insert = local.prepare(
    'INSERT INTO audits (at, outcome, height, differences) VALUES (@at, @outcome, @height, @differences)',
  )
  const trim = local.prepare('DELETE FROM audits WHERE id <= (SELECT max(id) FROM audits) - ?')
  return {
    record: (audit: AuditRecord) => {
      insert.run(audit)
      trim.run(KEPT)
    },
    /** The newest that compared anything. */
    last: (): AuditRecord | undefined => lastAudit(local),
  }
}

/** @param local a database that has had an audit book; others have no such table. */
export const lastAudit = (local: Database): AuditRecord | undefined =>
  local
    .prepare("SELECT at, outcome, height, differences FROM audits WHERE outcome <> 'moved' ORDER BY id DESC")
    .get() as AuditRecord | undefined
