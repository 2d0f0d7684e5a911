// The configuration file, written: whole or not at all, and never with a key in it.
import {
  chownSync,
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { ConfigError, type ConfigIssue, merge, readConfigFile } from '@decloud/service/config'
import { AgentError } from '../lib/errors.ts'

/** RPC URLs in it may carry a provider's key: not for everybody. */
const MODE = 0o640

/**
 * Lays `change` over what the file holds; keys that are there and not in `change` stay. A crash in between leaves the
 * former file.
 * @returns whether anything had to be written.
 * @throws ConfigError when the file is there and cannot be read; AgentError `config-unwritable`.
 */
export const changeNodeFile = (path: string, change: Record<string, unknown>): boolean => {
  const issues: ConfigIssue[] = []
  const former = textOf(path)
  const before = former === null ? {} : readConfigFile(path, issues)
  if (issues.length > 0) throw new ConfigError(issues)
  const text = `${JSON.stringify(merge(before, change), null, 2)}\n`
  if (text === former) return false
  writeWhole(path, text)
  return true
}

const textOf = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw unwritable(path, error)
  }
}

const writeWhole = (path: string, text: string) => {
  const fresh = join(dirname(path), `.${process.pid}.node.json`)
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
    const file = openSync(fresh, 'w', MODE)
    try {
      writeSync(file, text)
      // Whatever the umask of this shell is.
      fchmodSync(file, MODE)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    keepOwner(path, fresh)
    renameSync(fresh, path)
  } catch (cause) {
    rmSync(fresh, { force: true })
    throw unwritable(path, cause)
  }
}

/** The service reads the file by its group: a file written anew stays theirs. */
const keepOwner = (former: string, fresh: string) => {
  if (!existsSync(former) || process.getuid?.() !== 0) return
  const { uid, gid } = statSync(former)
  chownSync(fresh, uid, gid)
}

const unwritable = (path: string, cause: unknown) =>
  new AgentError('config-unwritable', `The configuration file ${path} cannot be written.`, {
    hint: 'Run it as a user that may, or name another file with --config.',
    cause,
  })
