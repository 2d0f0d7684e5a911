// Keys, apart from the configuration so that the latter can be logged.
import { readFileSync, statSync } from 'node:fs'
import { loadKey } from '@decloud/chain'
import type { Hex, LocalAccount } from 'viem'
import { z } from 'zod'
import type { SealingKeys } from '../chain/node-facts.ts'
import { AgentError } from '../lib/errors.ts'
import { configError } from './config.ts'
import { type Environment, readEnv, SECRET_ENV } from './env.ts'

export type AgentSecrets = {
  readonly account: LocalAccount
  readonly sealingKeys: SealingKeys
  /** The keys as their file has them now: an operator adds one while the agent runs. */
  rereadSealingKeys?(): SealingKeys
}

const sealingFileSchema = z.record(
  z.string().regex(/^[1-9]\d{0,8}$/, 'an epoch is a whole number from 1'),
  z.custom<Hex>(
    (key) => typeof key === 'string' && /^0x[0-9a-fA-F]{64}$/.test(key),
    'a key is 0x and 64 hex digits',
  ),
)

/** @throws AgentError `config-invalid`, `secret-readable`, `sealing-keys-…`; DecloudError of the keystore. */
export const loadSecrets = async (env: Environment): Promise<AgentSecrets> => {
  const raw = readEnv(SECRET_ENV, env)
  const problems: string[] = []
  if (raw.agentKey === undefined && raw.agentKeystore === undefined) {
    problems.push(`${SECRET_ENV.agentKeystore} is not set: give the agent's keystore file`)
  }
  if (raw.agentKey === undefined && raw.agentKeystore !== undefined && raw.agentPasswordFile === undefined) {
    problems.push(`${SECRET_ENV.agentPasswordFile} is not set: give the file with the keystore's password`)
  }
  if (raw.sealingKeys === undefined) {
    problems.push(`${SECRET_ENV.sealingKeys} is not set: give the file with the node's private sealing keys`)
  }
  if (problems.length > 0) throw configError(problems)
  const account =
    raw.agentKey !== undefined
      ? await loadKey({ privateKey: raw.agentKey })
      : await loadKey({
          keystore: raw.agentKeystore!,
          password: readPrivateFile(raw.agentPasswordFile!).replace(/\r?\n$/, ''),
        })
  const rereadSealingKeys = () => readSealingKeys(raw.sealingKeys!)
  return { account, sealingKeys: rereadSealingKeys(), rereadSealingKeys }
}

/** `{ "<epoch>": "<32 bytes, hex>" }`. */
export const readSealingKeys = (path: string): SealingKeys => {
  const text = readPrivateFile(path)
  const parsed = sealingFileSchema.safeParse(jsonOf(text))
  if (!parsed.success) {
    throw new AgentError(
      'sealing-keys-malformed',
      `The sealing key file ${path} is not an object of epoch to key.`,
      {
        hint: 'Make one with `decloud-node keys create`.',
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
