// Writing the file of a node's private sealing keys; `readSealingKeys` reads it.
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { SealingKeys } from '../chain/node-facts.ts'
import { AgentError } from '../lib/errors.ts'

/**
 * Replaces the file; on disk, whole, when it returns: whatever happens next, nobody seals to a key that is not there.
 * @param keys those that the file has, and more: what was sealed to an older one may have to be opened for as long as its
 *   lease lasts.
 * @throws AgentError `sealing-keys-unwritable`.
 */
export const writeSealingKeys = (path: string, keys: SealingKeys): void => {
  const draft = `${path}.${process.pid}.partial`
  try {
    const file = openSync(draft, 'wx', 0o600)
    try {
      writeSync(file, `${JSON.stringify(Object.fromEntries([...keys].sort(([a], [b]) => a - b)))}\n`)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(draft, path)
    const folder = openSync(dirname(path), 'r')
    fsyncSync(folder)
    closeSync(folder)
  } catch (cause) {
    rmSync(draft, { force: true })
    throw new AgentError('sealing-keys-unwritable', `The sealing key file ${path} cannot be replaced.`, {
      hint: 'Run this as the user whom it belongs to, on the machine where it lies. Nothing has changed.',
      cause,
    })
  }
}
