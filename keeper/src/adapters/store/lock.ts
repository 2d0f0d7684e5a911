// One process a data folder. The lock is SQLite's own on a file beside the databases: the kernel drops it with the
// process, however that ends, so nothing is ever left to clean.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DecloudError } from '@decloud/protocol'
import Sqlite, { type Database } from 'better-sqlite3'

const FILE = 'keeper.lock'

export type Holder = { pid: number; since: number; url: string | null }
export type FolderLock = {
  /** Where this process answers, for commands that look for it. */
  announce(url: string): void
  release(): void
}

// A connection that nobody refers to any more is closed by the garbage collector, and its lock goes with it.
const held = new Set<Database>()

/** @throws DecloudError `store-unusable`. */
const makeFolder = (folder: string): void => {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new DecloudError('store-unusable', `The data folder ${folder} cannot be made.`, {
      hint: 'Check the path and its permissions.',
      cause,
    })
  }
}

/**
 * Takes the folder for this process until `release`, or its death.
 * @throws DecloudError `folder-locked` while another process has it, `store-unusable`.
 */
export const lockFolder = (folder: string, now: () => number = Date.now): FolderLock => {
  makeFolder(folder)
  const db = open(folder)
  const write = (url: string | null) => {
    db.prepare('INSERT OR REPLACE INTO holder VALUES (1, ?, ?, ?)').run(process.pid, now(), url)
    db.exec('COMMIT; BEGIN IMMEDIATE')
  }
  try {
    db.exec('BEGIN IMMEDIATE')
    db.exec(
      'CREATE TABLE IF NOT EXISTS holder (one INTEGER PRIMARY KEY, pid INTEGER NOT NULL, since INTEGER NOT NULL, url TEXT) STRICT',
    )
    write(null)
  } catch (error) {
    const holder = isBusy(error) ? readHolder(db) : null
    db.close()
    if (isBusy(error)) throw lockedError(folder, holder, error)
    throw unusable(folder, error)
  }
  held.add(db)
  return {
    announce: write,
    release: () => {
      held.delete(db)
      if (!db.open) return
      if (db.inTransaction) db.exec('DELETE FROM holder; COMMIT')
      db.close()
    },
  }
}

/** Who has the folder now; `null` when nobody has. @throws DecloudError `store-unusable`. */
export const holderOf = (folder: string): Holder | null => {
  let db: Database
  try {
    db = new Sqlite(join(folder, FILE), { fileMustExist: true, timeout: 0 })
  } catch {
    // No lock file: no keeper was ever here, or the folder is not to be read, which the next step says better.
    return null
  }
  try {
    db.exec('BEGIN IMMEDIATE; ROLLBACK')
    return null
  } catch (error) {
    if (isBusy(error)) return readHolder(db) ?? { pid: 0, since: 0, url: null }
    throw unusable(folder, error)
  } finally {
    db.close()
  }
}

const open = (folder: string): Database => {
  try {
    return new Sqlite(join(folder, FILE), { timeout: 200 })
  } catch (cause) {
    throw unusable(folder, cause)
  }
}

const readHolder = (db: Database): Holder | null => {
  try {
    return (db.prepare('SELECT pid, since, url FROM holder').get() as Holder | undefined) ?? null
  } catch (error) {
    // Held by a process that has not written its line yet.
    if (error instanceof Sqlite.SqliteError) return null
    throw error
  }
}

const isBusy = (error: unknown) => error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY')

const lockedError = (folder: string, holder: Holder | null, cause: unknown) =>
  new DecloudError(
    'folder-locked',
    `Another keeper${holder === null ? '' : ` (process ${holder.pid})`} uses the data folder ${folder}.`,
    {
      hint: 'Stop it, or give this one a folder of its own.',
      details: { folder, pid: holder?.pid ?? null },
      cause,
    },
  )

const unusable = (folder: string, cause: unknown) =>
  new DecloudError('store-unusable', `The lock file in ${folder} cannot be used.`, {
    hint: 'Check that the folder is writable and has free space.',
    cause,
  })
