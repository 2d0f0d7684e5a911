import { migrate } from '@decloud/chain'
import type { Database } from 'better-sqlite3'
import type { Address } from 'viem'
import type { SessionStore, StoredSession } from './ports.ts'

const SCHEMA = [
  `CREATE TABLE sessions (
     id TEXT PRIMARY KEY, address TEXT NOT NULL,
     access_hash TEXT NOT NULL UNIQUE, access_until INTEGER NOT NULL,
     refresh_hash TEXT NOT NULL UNIQUE, refresh_until INTEGER NOT NULL,
     ends_at INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX sessions_address ON sessions (address, ends_at);
   -- A refresh token that comes a second time was stolen from somebody: then the session ends for both.
   CREATE TABLE spent_refresh_tokens (
     hash TEXT PRIMARY KEY, session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX spent_refresh_tokens_session ON spent_refresh_tokens (session);`,
]

type Row = {
  id: string
  address: string
  access_hash: string
  access_until: number
  refresh_hash: string
  refresh_until: number
  ends_at: number
}

const toSession = (row: Row | undefined): StoredSession | undefined =>
  row && {
    id: row.id,
    // Written by this file alone, from an address.
    address: row.address as Address,
    accessHash: row.access_hash,
    accessUntil: row.access_until,
    refreshHash: row.refresh_hash,
    refreshUntil: row.refresh_until,
    endsAt: row.ends_at,
  }

/** @param db a service's own file: sessions are not on the chain. */
export const makeSessionStore = (db: Database): SessionStore => {
  migrate(db, 'sessions', SCHEMA)
  const byId = db.prepare('SELECT * FROM sessions WHERE id = ?')
  const byAccess = db.prepare('SELECT * FROM sessions WHERE access_hash = ?')
  const byRefresh = db.prepare('SELECT * FROM sessions WHERE refresh_hash = ?')
  const bySpent = db.prepare('SELECT session FROM spent_refresh_tokens WHERE hash = ?')
  const put = db.prepare(
    `INSERT OR REPLACE INTO sessions
     VALUES (@id, @address, @accessHash, @accessUntil, @refreshHash, @refreshUntil, @endsAt)`,
  )
  const update = db.prepare(
    `UPDATE sessions SET access_hash = @accessHash, access_until = @accessUntil,
       refresh_hash = @refreshHash, refresh_until = @refreshUntil WHERE id = @id`,
  )
  const spend = db.prepare('INSERT INTO spent_refresh_tokens VALUES (?, ?)')
  const trim = db.prepare(
    `DELETE FROM sessions WHERE id IN (
       SELECT id FROM sessions WHERE address = ? ORDER BY ends_at DESC, id LIMIT -1 OFFSET ?)`,
  )
  const remove = db.prepare('DELETE FROM sessions WHERE id = ?')
  const sweep = db.prepare('DELETE FROM sessions WHERE refresh_until <= ? OR ends_at <= ?')
  const add = db.transaction((session: StoredSession, most: number) => {
    put.run(session)
    trim.run(session.address, most)
  })
  const rotate = db.transaction((session: StoredSession, spentHash: string) => {
    spend.run(spentHash, session.id)
    update.run(session)
  })
  return {
    byId: (id) => toSession(byId.get(id) as Row | undefined),
    byAccess: (hash) => toSession(byAccess.get(hash) as Row | undefined),
    byRefresh: (hash) => toSession(byRefresh.get(hash) as Row | undefined),
    bySpentRefresh: (hash) => (bySpent.get(hash) as { session: string } | undefined)?.session,
    add: (session, most) => add.immediate(session, most),
    rotate: (session, spentHash) => rotate.immediate(session, spentHash),
    remove: (id) => {
      remove.run(id)
    },
    sweep: (now) => {
      sweep.run(now, now)
    },
  }
}
