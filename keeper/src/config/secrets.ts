// Apart from the configuration, so that that can be logged.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KeySource } from '@decloud/chain'
import type { ConfigIssue, Environment } from '@decloud/service/config'
import { SECRET_NAMES } from './env.ts'

// What systemd's LoadCredential hands over, in a folder that only this unit sees.
const CREDENTIALS = { folder: 'CREDENTIALS_DIRECTORY', keystore: 'keystore', password: 'keystore-password' }

const credential = (env: Environment, name: string): string | undefined => {
  const folder = env[CREDENTIALS.folder]
  if (folder === undefined) return undefined
  const path = join(folder, name)
  return existsSync(path) ? path : undefined
}

const set = (value: string | undefined) => (value === '' ? undefined : value)

/** Where the keeper's key comes from; `null` when none is configured: then it reads and serves, and does no chores. */
export const readSecrets = (env: Environment, issues: ConfigIssue[]): KeySource | null => {
  const keystore = set(env[SECRET_NAMES.keystore]) ?? credential(env, CREDENTIALS.keystore)
  const passwordFile = set(env[SECRET_NAMES.passwordFile]) ?? credential(env, CREDENTIALS.password)
  const privateKey = set(env[SECRET_NAMES.privateKey])
  if (privateKey !== undefined) {
    if (keystore === undefined) return { privateKey }
    issues.push({
      at: SECRET_NAMES.privateKey,
      sentence: 'a keystore is given too: set one of them, not both.',
    })
    return null
  }
  if (keystore === undefined) return null
  if (passwordFile === undefined) {
    issues.push({ at: SECRET_NAMES.keystore, sentence: `needs ${SECRET_NAMES.passwordFile}.` })
    return null
  }
  try {
    return { keystore, password: readFileSync(passwordFile, 'utf8').replace(/\r?\n$/, '') }
  } catch (error) {
    const { code } = error as { code?: string }
    issues.push({
      at: SECRET_NAMES.passwordFile,
      sentence: `${passwordFile} cannot be read (${code ?? 'unknown'}).`,
    })
    return null
  }
}
