// Keys, apart from the configuration so that the latter can be logged. Two of them sign, and they never meet: the agent's
// hot key, which runs unattended and cannot touch what the node earns, and the operator's cold one, which people use.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type KeySource, loadKey } from '@decloud/chain'
import { ConfigError, type ConfigIssue, type Environment } from '@decloud/service/config'
import type { Hex, LocalAccount } from 'viem'
import { z } from 'zod'
import type { SealingKeys } from '../chain/node-facts.ts'
import { AgentError } from '../lib/errors.ts'
import { type Given, load } from './config.ts'
import { FIELDS } from './schema.ts'

export type AgentSecrets = {
  readonly account: LocalAccount
  readonly sealingKeys: SealingKeys
  /** The keys as their file has them now: an operator adds one while the agent runs. */
  rereadSealingKeys?(): SealingKeys
}

/** What systemd's LoadCredential hands over, in a folder that only this unit sees; `init` writes files of these names. */
export const CREDENTIALS = {
  agentKeystore: 'agent-keystore',
  agentPasswordFile: 'agent-password',
  sealingKeys: 'sealing-keys',
} as const

const sealingFileSchema = z.record(
  z.string().regex(/^[1-9]\d{0,8}$/, 'an epoch is a whole number from 1'),
  z.custom<Hex>(
    (key) => typeof key === 'string' && /^0x[0-9a-fA-F]{64}$/.test(key),
    'a key is 0x and 64 hex digits',
  ),
)

/** @throws ConfigError, AgentError `secret-readable`, `sealing-keys-…`; DecloudError of the keystore. */
export const loadSecrets = async (env: Environment, given: Given = {}): Promise<AgentSecrets> => {
  const { agentKeystore, agentPasswordFile, sealingKeys } = secretFiles(env, given)
  const privateKey = env['DECLOUD_AGENT_KEY'] || undefined
  const issues = [
    ...(privateKey === undefined
      ? [
          missing('agentKeystore', agentKeystore, "the agent's keystore"),
          missing('agentPasswordFile', agentPasswordFile, 'the file with its password'),
        ]
      : []),
    missing('sealingKeys', sealingKeys, "the file with the node's private sealing keys"),
  ].filter((issue) => issue !== null)
  if (issues.length > 0) throw new ConfigError(issues)
  const source: KeySource =
    privateKey !== undefined
      ? { privateKey }
      : { keystore: agentKeystore!, password: readPassword(agentPasswordFile!) }
  const rereadSealingKeys = () => readSealingKeys(sealingKeys!)
  return { account: await loadKey(source), sealingKeys: rereadSealingKeys(), rereadSealingKeys }
}

type SecretFiles = Readonly<Record<keyof typeof CREDENTIALS, string | undefined>>

/** The files of the agent's secrets: a flag or a variable names them, else the unit's credentials, else the file. */
export const secretFiles = (env: Environment, given: Given = {}): SecretFiles => {
  const { config, file, originOf } = load(env, given, [])
  const of = (key: keyof typeof CREDENTIALS) => {
    const origin = originOf(key)
    const meant = origin !== 'default' && origin !== file
    return meant ? config[key] : (credential(env, CREDENTIALS[key]) ?? config[key])
  }
  return {
    agentKeystore: of('agentKeystore'),
    agentPasswordFile: of('agentPasswordFile'),
    sealingKeys: of('sealingKeys'),
  }
}

const credential = (env: Environment, name: string): string | undefined => {
  const folder = env['CREDENTIALS_DIRECTORY']
  if (!folder) return undefined
  const path = join(folder, name)
  return existsSync(path) ? path : undefined
}

const missing = (
  key: keyof typeof CREDENTIALS,
  path: string | undefined,
  what: string,
): ConfigIssue | null => {
  if (path !== undefined) return null
  const { env } = FIELDS.find((field) => field.key === key)!
  return { at: key, sentence: `missing: give ${what}. Set "${key}" in the file, or ${env}; \`init\` does.` }
}

/** A line end at the end of the file is none of the password. */
export const readPassword = (path: string): string => readPrivateFile(path).replace(/\r?\n$/, '')

/** `{ "<epoch>": "<32 bytes, hex>" }`. */
export const readSealingKeys = (path: string): SealingKeys => {
  const text = readPrivateFile(path)
  const parsed = sealingFileSchema.safeParse(jsonOf(text))
  if (!parsed.success) {
    throw new AgentError(
      'sealing-keys-malformed',
      `The sealing key file ${path} is not an object of epoch to key.`,
      {
        hint: 'Make one with `decloud-node init`.',
      },
    )
  }
  return new Map(Object.entries(parsed.data).map(([epoch, key]) => [Number(epoch), key]))
}

/** @throws AgentError `secret-missing`, `secret-readable` when anyone but its owner may read it. */
export const readPrivateFile = (path: string): string => {
  try {
    const mode = statSync(path).mode & 0o077
    if (mode !== 0) {
      throw new AgentError('secret-readable', `${path} holds a secret and others may read it.`, {
        hint: `Run: chmod 600 ${path}`,
      })
    }
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof AgentError) throw cause
    throw new AgentError('secret-missing', `${path} cannot be read.`, {
      hint: 'Check the path and that this user may read it.',
      cause,
    })
  }
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // the schema refuses it with the one sentence for all malformed files
  }
}
