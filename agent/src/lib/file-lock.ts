// A lock that the operating system holds, through SQLite: a killed process loses it at once.
import Sqlite, { SqliteError } from 'better-sqlite3'

/** @returns the release, or null while another process, or another part of this one, holds it. */
export const tryLock = (path: string): (() => void) | null => {
  const lock = new Sqlite(path, { timeout: 0 })
  try {
    lock.pragma('locking_mode = EXCLUSIVE')
    lock.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if (error instanceof SqliteError && error.code.startsWith('SQLITE_BUSY')) return null
    throw error
  }
  return () => lock.close()
}
