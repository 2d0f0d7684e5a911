// Apart from the configuration, so that that can be logged.
import { readFileSync } from 'node:fs'
import type { KeySource } from '@decloud/chain'
import { DecloudError } from '@decloud/protocol'
import { type Environment, SECRET_NAMES } from './env.ts'

/**
 * Where the keeper's key comes from; `null` when none is configured: then it reads and serves, and does no chores.
 * @throws DecloudError `config-invalid`.
 */
export const readSecrets = (env: Environment): KeySource | null => {
  const keystore = env[SECRET_NAMES.keystore]
  const passwordFile = env[SECRET_NAMES.passwordFile]
  const privateKey = env[SECRET_NAMES.privateKey]
  if (keystore !== undefined && privateKey !== undefined) {
    throw invalid(`Set ${SECRET_NAMES.keystore} or ${SECRET_NAMES.privateKey}, not both.`)
  }
  if (privateKey !== undefined) return { privateKey }
  if (keystore === undefined) return null
  if (passwordFile === undefined)
    throw invalid(`${SECRET_NAMES.keystore} needs ${SECRET_NAMES.passwordFile}.`)
  try {
    return { keystore, password: readFileSync(passwordFile, 'utf8').replace(/\r?\n$/, '') }
  } catch (cause) {
    throw invalid(`${passwordFile} cannot be read.`, cause)
  }
}

const invalid = (message: string, cause?: unknown) => new DecloudError('config-invalid', message, { cause })
