// Files that are written once: whole, on the disk, for their owner alone, and never over another.
import { closeSync, fsyncSync, linkSync, openSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { AgentError } from '../../lib/errors.ts'

/** A crash in between leaves nothing under the name. @throws AgentError `key-file-exists`, `key-file-unwritable`. */
export const writeNewSecret = (path: string, text: string): void => {
  const fresh = `${path}.${process.pid}.new`
  try {
    const file = openSync(fresh, 'wx', 0o600)
    try {
      writeSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    // Unlike a rename, a link fails where there is something already.
    linkSync(fresh, path)
    syncFolder(dirname(path))
  } catch (cause) {
    const exists = (cause as NodeJS.ErrnoException).code === 'EEXIST'
    throw new AgentError(exists ? 'key-file-exists' : 'key-file-unwritable', `${path} cannot be written.`, {
      hint: exists
        ? 'Keys are never overwritten: choose another place.'
        : 'Check its folder and that this user may write there.',
      cause,
    })
  } finally {
    rmSync(fresh, { force: true })
  }
}

const syncFolder = (path: string) => {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
