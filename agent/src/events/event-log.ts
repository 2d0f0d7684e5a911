// The operator's event log: a database of its own, so that neither fills nor damages the other. Each group of kinds is a
// ring by itself: a stranger who knocks ten thousand times does not push out what happened to the guests.
import { renameSync } from 'node:fs'
import { migrate, openDatabase } from '@decloud/chain'
import { sentenceOf } from '@decloud/protocol'
import Sqlite, { type Database } from 'better-sqlite3'
import type { EventLog } from '../ports/events.ts'
import { detailsText } from './details.ts'

export const EVENTS_FILE = 'events.db'

const SCHEMA = [
  `CREATE TABLE events (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     ring TEXT NOT NULL, kind TEXT NOT NULL, atMs INTEGER NOT NULL,
     leaseId TEXT, byWhom TEXT, message TEXT NOT NULL, details TEXT NOT NULL,
     bytes INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX events_of_ring ON events (ring, id);
   CREATE INDEX events_of_lease ON events (leaseId, id) WHERE leaseId IS NOT NULL`,
]

export type RingLimits = {
  /** Of each ring. */
  readonly rows: number
  /** Of text in each ring. */
  readonly bytes: number
  /** Groups beyond so many share one ring. */
  readonly rings: number
}
export const RING_LIMITS: RingLimits = { rows: 10_000, bytes: 2 * 2 ** 20, rings: 40 }
const MOST_MESSAGE = 1_000
const MOST_NAME = 80
/** So much goes at once when a ring is full, so that not every event pays for a deletion. */
const SLACK = 0.1
const REST = 'other'

export type EventLogOptions = {
  readonly path: string
  readonly nowMs: () => number
  /** Told when an event could not be kept. */
  readonly onError: (error: unknown) => void
  /** Cuts secrets out of a text by their value. */
  readonly scrub?: (text: string) => string
  readonly limits?: RingLimits
}

/** A file that is damaged is set aside, never read again: the node does not stop for its diary. */
export const openEventLog = (options: EventLogOptions): EventLog & { close(): void } => {
  const { nowMs, onError, scrub = (text) => text, limits = RING_LIMITS } = options
  const db = openSound(options.path, onError)
  const rings = makeRings(db, limits)
  const insert = db.prepare(`INSERT INTO events (ring, kind, atMs, leaseId, byWhom, message, details, bytes)
    VALUES (@ring, @kind, @atMs, @leaseId, @byWhom, @message, @details, @bytes)`)
  const write = db.transaction((event: Parameters<EventLog['record']>[0]) => {
    const kind = event.kind.slice(0, MOST_NAME)
    const message = scrub(event.message).slice(0, MOST_MESSAGE)
    const details = scrub(detailsText(event.details ?? {}))
    const byWhom = event.by?.slice(0, MOST_NAME) ?? null
    const bytes = kind.length + message.length + details.length + (byWhom?.length ?? 0) + 64
    const ring = rings.ringOf(kind)
    const leaseId = event.leaseId?.toLowerCase() ?? null
    insert.run({ ring, kind, atMs: nowMs(), leaseId, byWhom, message, details, bytes })
    rings.added(ring, bytes)
  })
  return {
    record: (event) => {
      try {
        write(event)
      } catch (error) {
        rings.doubt()
        onError(error)
      }
    },
    close: () => db.close(),
  }
}

const makeRings = (db: Database, limits: RingLimits) => {
  const sums = db.prepare('SELECT ring, count(*) AS rows, sum(bytes) AS bytes FROM events GROUP BY ring')
  const oldest = db.prepare('SELECT id, bytes FROM events WHERE ring = ? ORDER BY id')
  const remove = db.prepare('DELETE FROM events WHERE ring = ? AND id <= ?')
  type Tally = { rows: number; bytes: number }
  const tallies = new Map<string, Tally>()
  let doubted = true
  /** Tallies are in memory: after a write that was rolled back they are read anew. */
  const settle = () => {
    if (!doubted) return
    tallies.clear()
    // Columns of the query above.
    for (const { ring, ...tally } of sums.iterate() as Iterable<Tally & { ring: string }>)
      tallies.set(ring, tally)
    doubted = false
  }

  const trim = (ring: string, tally: Tally) => {
    const rows = limits.rows * (1 - SLACK)
    const bytes = limits.bytes * (1 - SLACK)
    let last = 0
    for (const one of oldest.iterate(ring) as Iterable<{ id: number; bytes: number }>) {
      if (tally.rows <= rows && tally.bytes <= bytes) break
      last = one.id
      tally.rows -= 1
      tally.bytes -= one.bytes
    }
    remove.run(ring, last)
  }
  return {
    doubt: () => {
      doubted = true
    },
    ringOf: (kind: string): string => {
      settle()
      const ring = kind.split('.')[0] || REST
      return tallies.has(ring) || tallies.size < limits.rings - 1 ? ring : REST
    },
    added: (ring: string, bytes: number) => {
      const tally = tallies.get(ring) ?? { rows: 0, bytes: 0 }
      tallies.set(ring, tally)
      tally.rows += 1
      tally.bytes += bytes
      if (tally.rows > limits.rows || tally.bytes > limits.bytes) trim(ring, tally)
    },
  }
}

const openSound = (path: string, onError: (error: unknown) => void): Database => {
  try {
    return open(path)
  } catch (error) {
    if (!isDamaged(error)) throw error
    onError(`the event log ${path} is damaged and set aside: ${sentenceOf(error)}`)
    for (const end of ['-wal', '-shm', '']) setAside(`${path}${end}`, `${path}${end}.damaged`)
    return open(path)
  }
}

const open = (path: string): Database => {
  const db = openDatabase(path)
  try {
    // The last few may be lost with the power; a disk that is synced for each refused request would be a weapon.
    db.pragma('synchronous = NORMAL')
    migrate(db, 'events', SCHEMA)
    db.prepare('SELECT count(*), sum(bytes) FROM events').get()
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

const isDamaged = (error: unknown): boolean => {
  const found = error instanceof Error && error.cause instanceof Sqlite.SqliteError ? error.cause : error
  return found instanceof Sqlite.SqliteError && /CORRUPT|NOTADB/.test(found.code)
}

const setAside = (from: string, to: string) => {
  try {
    renameSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
