import { migrate } from '@decloud/chain'
import type { Database } from 'better-sqlite3'
import { fromJson, toJson } from '../../lib/json.ts'
import type { Decision, Placements } from '../../ports/placements.ts'

const SCHEMA = [
  `CREATE TABLE placements (lease_id TEXT PRIMARY KEY, at INTEGER NOT NULL, decision TEXT NOT NULL) STRICT;
   CREATE INDEX placements_at ON placements (at);`,
]
/** Of each list this many are kept with a decision. */
const KEPT = 50
/** Decisions older than this, in seconds, make room for new ones. */
const LIFE = 90 * 86_400

/** @param db what only this keeper knows. */
export const makePlacements = (db: Database): Placements => {
  migrate(db, 'placement', SCHEMA)
  const insert = db.prepare('INSERT OR REPLACE INTO placements VALUES (?, ?, ?)')
  const forget = db.prepare('DELETE FROM placements WHERE at < ?')
  const select = db.prepare('SELECT decision FROM placements WHERE lease_id = ?')
  const write = db.transaction((leaseId: string, decision: Decision) => {
    const { timestamp } = decision.moment
    forget.run(timestamp - LIFE)
    insert.run(leaseId, timestamp, toJson(decision))
  })
  return {
    record: (leaseId, moment, explanation) => {
      const { candidates, refused } = explanation
      const counts = { candidateCount: candidates.length, refusedCount: refused.length }
      const kept = { candidates: candidates.slice(0, KEPT), refused: refused.slice(0, KEPT) }
      write.immediate(leaseId.toLowerCase(), { ...explanation, ...kept, ...counts, moment })
    },
    find: (leaseId) => {
      const row = select.get(leaseId.toLowerCase()) as { decision: string } | undefined
      return row === undefined ? null : fromJson<Decision>(row.decision)
    },
  }
}
