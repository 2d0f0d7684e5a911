// One agent per data folder.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { AgentError } from '../lib/errors.ts'
import { tryLock } from '../lib/file-lock.ts'

export type DataDir = { readonly path: string; readonly database: string; release(): void }

/** @throws AgentError `data-dir-in-use`, `data-dir-unusable`. */
export const lockDataDir = (path: string): DataDir => {
  try {
    // QEMU's own user passes through to disks and seeds; it cannot list, and each file has a mode of its own.
    mkdirSync(path, { recursive: true, mode: 0o711 })
    const release = tryLock(join(path, 'agent.lock'))
    if (release !== null) return { path, database: join(path, 'agent.db'), release }
  } catch (cause) {
    throw new AgentError('data-dir-unusable', `The data folder ${path} cannot be used.`, {
      hint: 'Check that it exists or can be made, and that this user may write to it.',
      cause,
    })
  }
  throw new AgentError('data-dir-in-use', `Another agent works in ${path}.`, {
    hint: 'Stop it first, or give this one a data folder of its own.',
  })
}
