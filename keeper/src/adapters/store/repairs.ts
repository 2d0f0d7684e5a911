import { migrate } from '@decloud/chain'
import type { Database } from 'better-sqlite3'
import type { Address } from 'viem'
import type { Repair, RepairBook } from '../../ports/repairs.ts'

const SCHEMA = [
  `CREATE TABLE relay_repairs (
     id INTEGER PRIMARY KEY, relay INTEGER NOT NULL, node INTEGER NOT NULL,
     requested_by TEXT NOT NULL, requested_at INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX relay_repairs_relay ON relay_repairs (relay, requested_at);`,
]

/** Seconds that a request is kept. */
const KEPT = 30 * 86_400
const MOST_SHOWN = 100

const COLUMNS = 'id, relay, node, requested_by AS requestedBy, requested_at AS requestedAt'

/** @param db the keeper's own file: nothing of this is on the chain. */
export const makeRepairBook = (db: Database): RepairBook => {
  migrate(db, 'repairs', SCHEMA)
  const recent = db.prepare(
    `SELECT ${COLUMNS} FROM relay_repairs WHERE relay = ? AND node = ? AND requested_at > ? ORDER BY id DESC`,
  )
  const put = db.prepare(
    'INSERT INTO relay_repairs (relay, node, requested_by, requested_at) VALUES (@relay, @node, @requestedBy, @requestedAt)',
  )
  const prune = db.prepare('DELETE FROM relay_repairs WHERE requested_at < ?')
  const list = db.prepare(
    `SELECT ${COLUMNS} FROM relay_repairs WHERE relay = ? AND requested_at >= ? ORDER BY id DESC LIMIT ${MOST_SHOWN}`,
  )
  // Rows are written here alone, from an address.
  const request = db.transaction((wanted: Omit<Repair, 'id'>, quietSeconds: number) => {
    const { relay, node, requestedAt } = wanted
    const before = recent.get(relay, node, requestedAt - quietSeconds) as
      | (Repair & { requestedBy: Address })
      | undefined
    if (before !== undefined) return { repair: before, isNew: false }
    prune.run(requestedAt - KEPT)
    const id = Number(put.run(wanted).lastInsertRowid)
    return { repair: { ...wanted, id }, isNew: true }
  })
  return {
    request: (repair, quietSeconds) => request.immediate(repair, quietSeconds),
    of: (relay, since) => list.all(relay, since) as Repair[],
  }
}
