// Which slots a beat has been made for, and how often this agent has started: on disk, so that neither a restart nor a
// clock that jumps makes two beats for one slot.
import { migrate } from '@decloud/chain'
import { SLOTS_PER_DAY } from '@decloud/protocol/wire/heartbeat'
import type { Database } from 'better-sqlite3'

const SCHEMA = [
  `CREATE TABLE beats_made (id INTEGER PRIMARY KEY AUTOINCREMENT, slot INTEGER NOT NULL UNIQUE) STRICT;
   CREATE TABLE beats_boot (one INTEGER PRIMARY KEY CHECK (one = 1), id INTEGER NOT NULL) STRICT;`,
]
/** By age of the entry, not by slot: after a jump of the clock the newest entries are not the highest. */
const KEPT = SLOTS_PER_DAY

/** @param nowMs unix milliseconds. */
export const makeSlotBook = (db: Database, nowMs: number) => {
  migrate(db, 'beats', SCHEMA)
  const insert = db.prepare('INSERT OR IGNORE INTO beats_made (slot) VALUES (?)')
  const prune = db.prepare('DELETE FROM beats_made WHERE id <= ?')
  const boot = db.prepare(
    `INSERT INTO beats_boot VALUES (1, @nowMs)
     ON CONFLICT (one) DO UPDATE SET id = max(id + 1, excluded.id) RETURNING id`,
  )
  const { id: bootId } = boot.get({ nowMs }) as { id: number }
  return {
    /** The time of the start, or one more than the last if the clock has gone back: it only ever grows. */
    bootId,
    /** @returns whether no beat has been made for this slot yet; from now on one has. */
    claim: (slot: number): boolean => {
      const { changes, lastInsertRowid } = insert.run(slot)
      if (changes === 0) return false
      prune.run(Number(lastInsertRowid) - KEPT)
      return true
    },
  }
}
export type SlotBook = ReturnType<typeof makeSlotBook>
