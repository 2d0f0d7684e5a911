// The operator's (cold) key: only commands of a person use it, the agent never does.
import { type Chain, connect, type Journal, loadKey, makeJournal, openDatabase } from '@decloud/chain'
import type { Deployment } from '@decloud/protocol'
import type { Hex, LocalAccount } from 'viem'
import { readPrivateFile } from '../config/secrets.ts'
import { type Io, UsageError } from './verb.ts'

/** @returns null when the environment names none. */
export const operatorKeyIn = async (env: Io['env']): Promise<LocalAccount | null> => {
  const { DECLOUD_OPERATOR_KEY: privateKey, DECLOUD_OPERATOR_KEYSTORE: keystore } = env
  if (privateKey) return loadKey({ privateKey })
  const passwordFile = env['DECLOUD_OPERATOR_PASSWORD_FILE']
  if (!keystore || !passwordFile) return null
  return loadKey({ keystore, password: readPrivateFile(passwordFile).replace(/\r?\n$/, '') })
}

/** @throws UsageError when the environment names none. */
export const operatorKey = async (env: Io['env']): Promise<LocalAccount> => {
  const account = await operatorKeyIn(env)
  if (account !== null) return account
  throw new UsageError(
    'The operator signs this: set DECLOUD_OPERATOR_KEYSTORE and DECLOUD_OPERATOR_PASSWORD_FILE.',
  )
}

/** One transaction of a command; its journal lives in memory. @returns the hash, once it is mined. */
export const sendOnce = async (
  chain: Chain,
  account: LocalAccount,
  intent: Parameters<Journal['send']>[0],
): Promise<Hex> => {
  const db = openDatabase(':memory:')
  const journal = makeJournal({ chain, db, account })
  try {
    return (await journal.send(intent)).hash
  } finally {
    await journal.close()
    db.close()
  }
}

export const connectTo = (config: { rpcUrls: readonly string[]; deployment: Deployment }): Promise<Chain> =>
  connect({ urls: config.rpcUrls, deployment: config.deployment })
