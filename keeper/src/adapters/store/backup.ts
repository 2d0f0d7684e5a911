// Copies of a database that is in use, and back.
import { chmodSync, closeSync, copyFileSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { DecloudError, sentenceOf } from '@decloud/protocol'
import Sqlite from 'better-sqlite3'

export type BackupReport = { file: string; bytes: number; pages: number }

// All pages in one step after the first: SQLite begins anew when another process writes between two steps, and a
// reader of a write-ahead log holds up nobody.
const ALL_PAGES = 0x7fff_ffff

/**
 * Copies a database, in use or not, as of one moment. The copy is checked, readable by its owner alone, and appears
 * under its name only when it is whole.
 * @throws DecloudError `backup-failed`, `store-corrupt`.
 */
export const backupStore = async (source: string, file: string): Promise<BackupReport> => {
  const part = `${file}.part`
  try {
    rmSync(part, { force: true })
    // Made before it is filled: the library would make it readable for others.
    closeSync(openSync(part, 'w', 0o600))
    const db = new Sqlite(source, { readonly: true, fileMustExist: true, timeout: 10_000 })
    let totalPages = 0
    try {
      const result = await db.backup(part, { progress: () => ALL_PAGES })
      totalPages = result.totalPages
    } finally {
      db.close()
    }
    const bytes = settle(part)
    putInPlace(part, file)
    return { file, bytes, pages: totalPages }
  } catch (cause) {
    rmSync(part, { force: true })
    if (cause instanceof DecloudError) throw cause
    throw new DecloudError(
      'backup-failed',
      `${source} cannot be backed up to ${file}: ${sentenceOf(cause)}.`,
      {
        hint: 'Check that the folder of the copy exists, is writable and has room.',
        cause,
      },
    )
  }
}

/** Checks a copy, and makes it one plain file without a log of its own. @returns its bytes. */
const settle = (part: string): number => {
  const db = new Sqlite(part, { fileMustExist: true })
  try {
    db.pragma('journal_mode = DELETE')
    checkIntegrity(db.pragma('integrity_check', { simple: true }), part)
    return (
      Number(db.pragma('page_count', { simple: true })) * Number(db.pragma('page_size', { simple: true }))
    )
  } finally {
    db.close()
  }
}

const checkIntegrity = (verdict: unknown, file: string) => {
  if (verdict === 'ok') return
  throw new DecloudError('store-corrupt', `${file} is damaged: ${String(verdict)}.`, {
    hint: 'Use another copy. keeper.sqlite may simply be deleted: it is read from the chain again.',
  })
}

const sync = (path: string) => {
  const handle = openSync(path, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

const putInPlace = (part: string, file: string) => {
  chmodSync(part, 0o600)
  sync(part)
  renameSync(part, file)
  sync(dirname(file))
}

/**
 * Puts a copy where a keeper looks for it; what was there is kept beside it. The caller holds the folder's lock.
 * @returns where the former database went, `null` when there was none.
 * @throws DecloudError `restore-failed`, `store-corrupt`. The former database is in its place then.
 */
export const restoreStore = (copy: string, target: string, now: number): string | null => {
  const part = `${target}.part`
  try {
    rmSync(part, { force: true })
    copyFileSync(copy, part)
    settle(part)
    const former = setAside(target, now)
    putInPlace(part, target)
    return former
  } catch (cause) {
    rmSync(part, { force: true })
    if (cause instanceof DecloudError) throw cause
    throw new DecloudError('restore-failed', `${copy} cannot be put at ${target}: ${sentenceOf(cause)}.`, {
      hint: 'Check that it is a copy made by `backup`, and that the data folder is writable.',
      cause,
    })
  }
}

/** A write-ahead log belongs to its database: opening folds it in, so that one file is all there is to move. */
const setAside = (target: string, now: number): string | null => {
  try {
    const db = new Sqlite(target, { fileMustExist: true })
    try {
      db.pragma('journal_mode = DELETE')
    } finally {
      db.close()
    }
  } catch (error) {
    // Missing or damaged: a damaged one is moved as it is, with its log.
    if ((error as { code?: string }).code === 'SQLITE_CANTOPEN') return null
  }
  const former = `${target}.before-${new Date(now).toISOString().replace(/[:.]/g, '-')}`
  for (const suffix of ['', '-wal', '-shm']) {
    try {
      renameSync(`${target}${suffix}`, `${former}${suffix}`)
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOENT') throw error
    }
  }
  return former
}
