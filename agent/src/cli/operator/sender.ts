// The operator's transactions, one after the other: simulated, written down, sent, waited for. A command that is killed in
// between is simply given again: what it left under way is waited for first, and what is done by then is not done twice.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Chain, type Mined, makeJournal, openDatabase, revertOf } from '@decloud/chain'
import { sentenceOf } from '@decloud/protocol'
import { type Hex, parseGwei } from 'viem'
import { type AgentConfig, DEFAULT_MAX_FEE_GWEI } from '../../config/config.ts'
import { AgentError } from '../../lib/errors.ts'
import { tryLock } from '../../lib/file-lock.ts'
import { type Io, UsageError } from '../verb.ts'
import type { Call } from './call.ts'
import type { Operator } from './key.ts'

export type Done = { readonly kind: string; readonly transaction: Hex; readonly mined: Mined }
/** A transaction for whoever holds the key: nonce and fees are the wallet's to choose. */
export type Unsigned = {
  readonly kind: string
  readonly does: string
  readonly chainId: number
  readonly from: Hex
  readonly to: Hex
  readonly value: string
  readonly data: Hex
  /** null of a call that counts on the one before it, and cannot be tried without it. */
  readonly gas: string | null
}

/** Long enough for a busy chain, with higher fees every half minute. */
const MINED_WITHIN_MS = 300_000

export type Sender = { send(call: Call): Promise<Done>; close(): Promise<void> }

/**
 * @param config.dataDir where the journal lies; in memory when it cannot, and then the chain's count of transactions tells
 *   whether an earlier command left one under way.
 * @throws AgentError `operator-busy` while another command sends with this key.
 */
export const openSender = async (
  io: Io,
  chain: Chain,
  operator: Operator,
  { dataDir, maxFeeGwei = DEFAULT_MAX_FEE_GWEI }: Pick<AgentConfig, 'dataDir' | 'maxFeeGwei'>,
): Promise<Sender> => {
  const { account } = operator
  if (account === null) throw elsewhere(operator)
  const { db, release } = openJournalFile(io, dataDir, chain.deployment.chainId)
  const maxFeePerGas = parseGwei(String(maxFeeGwei))
  const onError = (error: unknown) => io.say(sentenceOf(error))
  const journal = makeJournal({ chain, db, account, maxFeePerGas, onError })
  const close = async () => {
    io.signal.removeEventListener('abort', stop)
    await journal.close()
    db.close()
    release()
  }
  const stop = () => void journal.close()
  io.signal.addEventListener('abort', stop, { once: true })
  try {
    await journal.recover()
    await quiet(
      io,
      chain,
      operator,
      () => journal.inFlight().filter(({ state }) => state === 'pending').length,
    )
  } catch (error) {
    await close()
    throw io.signal.aborted ? interrupted() : error
  }
  return {
    close,
    send: async ({ kind, to, data, gas = 0n }) => {
      try {
        const intent = { kind, dedupe: `${kind} ${data}`, to, data, gas }
        const mined = await journal.send(intent, { deadlineMs: MINED_WITHIN_MS })
        return { kind, transaction: mined.hash, mined }
      } catch (error) {
        throw io.signal.aborted ? interrupted() : error
      }
    },
  }
}

const openJournalFile = (io: Io, dataDir: string, chainId: number) => {
  const memory = () => ({ db: openDatabase(':memory:'), release: () => {} })
  if (!existsSync(dataDir)) return memory()
  let lock: ReturnType<typeof tryLock>
  try {
    lock = tryLock(join(dataDir, 'operator.lock'))
  } catch {
    io.say(`${dataDir} cannot be written by this user: the transaction is kept in memory alone.`)
    return memory()
  }
  if (lock === null) {
    throw new AgentError('operator-busy', 'Another command sends with the key of the operator.', {
      hint: 'Wait until it is done.',
    })
  }
  return { db: openDatabase(join(dataDir, `operator-${chainId}.db`)), release: lock }
}

/** Waits until nothing of this key is under way: what it does is part of the facts that the command decides upon. */
const quiet = async (io: Io, chain: Chain, { address }: Operator, pendingHere: () => number) => {
  const end = Date.now() + MINED_WITHIN_MS
  let said = false
  while (!io.signal.aborted) {
    const [mined, known] = await chain.request('count the transactions of the operator', (client) =>
      Promise.all([
        client.getTransactionCount({ address, blockTag: 'latest' }),
        client.getTransactionCount({ address, blockTag: 'pending' }),
      ]),
    )
    if (known <= mined && pendingHere() === 0) return
    if (!said) io.say('An earlier transaction of the operator is under way: it is waited for …')
    said = true
    if (Date.now() > end) {
      throw new AgentError('operator-pending', `A transaction of ${address} is under way and is not mined.`, {
        hint: 'Wait, or let the wallet that sent it replace it. Nothing was sent now.',
      })
    }
    await chain.pace.pause(QUIET_POLL_MS, io.signal)
  }
  throw interrupted()
}
const QUIET_POLL_MS = 250

const interrupted = () =>
  new AgentError('interrupted', 'Interrupted. A transaction that was sent may still be mined.', {
    hint: 'Give the same command again: it looks first, and does nothing twice.',
  })

const elsewhere = ({ address }: Operator) =>
  new UsageError(
    `The key of ${address} is not on this machine.`,
    'Add --unsigned to get the transaction for signing elsewhere, or give --operator-keystore.',
  )

/**
 * Tries calls without a key.
 * @throws RevertError `simulation-reverted` of the first, which nothing stands before.
 */
export const asUnsigned = async (chain: Chain, from: Hex, calls: readonly Call[]): Promise<Unsigned[]> => {
  const [first, ...rest] = await Promise.all(
    calls.map(async (call, nth): Promise<Unsigned> => {
      const { kind, does, to, data, gas = 0n } = call
      const plain = { kind, does, chainId: chain.deployment.chainId, from, to, value: '0', data }
      if (nth > 0) return { ...plain, gas: null }
      const estimate = await chain.request(`simulate ${kind}`, (client) =>
        client.estimateGas({ account: from, to, data }).catch((error: unknown) => {
          throw revertOf({ kind, dedupe: kind, to, data }, error) ?? error
        }),
      )
      return { ...plain, gas: String(estimate > gas ? estimate : gas) }
    }),
  )
  return first === undefined ? [] : [first, ...rest]
}
