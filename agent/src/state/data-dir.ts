// One agent per data folder. The lock is the operating system's, held through SQLite: a killed process loses it at once.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite, { SqliteError } from 'better-sqlite3'
import { AgentError } from '../lib/errors.ts'

export type DataDir = { readonly path: string; readonly database: string; release(): void }

/** @throws AgentError `data-dir-in-use`, `data-dir-unusable`. */
export const lockDataDir = (path: string): DataDir => {
  try {
    // QEMU's own user passes through to disks and seeds; it cannot list, and each file has a mode of its own.
    mkdirSync(path, { recursive: true, mode: 0o711 })
    const lock = new Sqlite(join(path, 'agent.lock'), { timeout: 0 })
    try {
      lock.pragma('locking_mode = EXCLUSIVE')
      lock.exec('BEGIN EXCLUSIVE')
    } catch (error) {
      lock.close()
      throw error
    }
    return { path, database: join(path, 'agent.db'), release: () => lock.close() }
  } catch (cause) {
    if (cause instanceof SqliteError && cause.code.startsWith('SQLITE_BUSY')) {
      throw new AgentError('data-dir-in-use', `Another agent works in ${path}.`, {
        hint: 'Stop it first, or give this one a data folder of its own.',
        cause,
      })
    }
    throw new AgentError('data-dir-unusable', `The data folder ${path} cannot be used.`, {
      hint: 'Check that it exists or can be made, and that this user may write to it.',
      cause,
    })
  }
}
