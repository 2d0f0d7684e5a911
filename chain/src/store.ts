import { DecloudError } from '@decloud/protocol'
import Sqlite, { type Database } from 'better-sqlite3'

/**
 * Opens (creates) a database the way every process of ours does: WAL, and a full sync at each commit, because an
 * intent must be on disk before its transaction is on the wire.
 * @param path a file, or `:memory:`.
 * @throws DecloudError `store-unusable`.
 */
export const openDatabase = (path: string): Database => {
  try {
    const db = new Sqlite(path, { timeout: 5_000 })
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    db.pragma('foreign_keys = ON')
    return db
  } catch (cause) {
    throw new DecloudError('store-unusable', `The database ${path} cannot be opened.`, {
      hint: 'Check that its folder exists, is writable and has free space.',
      details: { path },
      cause,
    })
  }
}

const HINTS: Readonly<Record<string, readonly [code: string, sentence: string, hint: string]>> = {
  SQLITE_BUSY: [
    'store-busy',
    'The database is held by another process.',
    'It goes on by itself when that one lets go; if none should be there, look for it with lsof.',
  ],
  SQLITE_FULL: [
    'store-full',
    'The disk of the database is full.',
    'Free space on its file system; it goes on by itself, nothing half-written is kept.',
  ],
}

/**
 * SQLite's own failures in our words; anything else as it is. The transaction in progress was rolled back.
 * @returns DecloudError `store-busy`, `store-full`, or `store-failed` with SQLite's code in its details.
 */
export const toStoreError = (error: unknown): unknown => {
  if (!(error instanceof Sqlite.SqliteError)) return error
  const kind = /^SQLITE_[A-Z]+/.exec(error.code)?.[0] ?? error.code
  const [code, sentence, hint] = HINTS[kind] ?? [
    'store-failed',
    `The database cannot be used: ${error.message}.`,
    'Check the disk it lies on and the rights of this user.',
  ]
  return new DecloudError(code, sentence, { hint, details: { sqlite: error.code }, cause: error })
}

/**
 * Brings one part's tables up to date, in one transaction; each part counts its own versions.
 * @param steps append-only: a step that has shipped never changes.
 * @throws DecloudError `store-newer` when the file was written by a later version.
 */
export const migrate = (db: Database, part: string, steps: readonly string[]): void => {
  db.transaction(() => {
    db.exec(
      'CREATE TABLE IF NOT EXISTS schema_versions (part TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT',
    )
    const row = db.prepare('SELECT version FROM schema_versions WHERE part = ?').get(part) as
      | { version: number }
      | undefined
    const version = row?.version ?? 0
    if (version > steps.length) {
      throw new DecloudError(
        'store-newer',
        `The database was written by a later version (${part} ${version}).`,
        {
          hint: 'Update this program, or give it an empty database: it is rebuilt from the chain.',
        },
      )
    }
    for (const step of steps.slice(version)) db.exec(step)
    db.prepare(
      'INSERT INTO schema_versions VALUES (?, ?) ON CONFLICT (part) DO UPDATE SET version = excluded.version',
    ).run(part, steps.length)
  }).immediate()
}
