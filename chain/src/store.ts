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
