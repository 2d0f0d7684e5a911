// What became of a transaction, read from the chain: never from what a send call said.
import type { Abi, Address, TransactionReceipt } from 'viem'
import { TransactionReceiptNotFoundError } from 'viem'
import type { Chain, RpcClient } from '../connect.ts'
import { ChainError } from '../errors.ts'
import { backoffMs, pause } from '../wait.ts'
import type { IntentTable } from './intents.ts'
import { revertDataOf, toRevert } from './refusals.ts'
import type { makeSender } from './sender.ts'
import type { IntentRecord, Mined } from './types.ts'

export type WatcherDeps = {
  chain: Chain
  address: Address
  table: IntentTable
  sender: ReturnType<typeof makeSender>
  abi: Abi
  pollMs: number
  replaceAfterMs: number
  maxAttempts: number
  signal: AbortSignal
  now(): number
  onError(error: unknown): void
}

type Sight = { receipt: TransactionReceipt | null; chainNonce: number; finalized: bigint }

// Receipt and nonce come from different moments: "nonce used, no receipt" must repeat before it is believed.
const SIGHTS_UNTIL_LOST = 5

export const makeWatcher = (deps: WatcherDeps) => {
  const { chain, address, table, sender, signal, now, pollMs } = deps

  const look = (record: IntentRecord): Promise<Sight> =>
    chain.request(`look for the transaction of ${record.kind}`, async (client) => {
      const chainNonce = await client.getTransactionCount({ address, blockTag: 'latest' })
      const receipts = await Promise.all(record.hashes.map((hash) => receiptOf(client, hash)))
      const finalized = await client.getBlock({ blockTag: 'finalized' })
      return {
        receipt: receipts.find((one) => one !== null) ?? null,
        chainNonce,
        finalized: finalized.number,
      }
    })

  const resolve = async (record: IntentRecord, receipt: TransactionReceipt): Promise<Mined> => {
    const place = { hash: receipt.transactionHash, blockNumber: receipt.blockNumber }
    if (receipt.status === 'reverted') {
      table.settle(record.id, 'reverted', place)
      const data = await replay(chain, address, record, receipt)
      throw toRevert('tx-reverted', record, data, undefined, deps.abi)
    }
    table.settle(record.id, 'mined', place)
    const { gasUsed, effectiveGasPrice } = receipt
    return { ...place, gasUsed, effectiveGasPrice, replaced: record.hashes.indexOf(place.hash) }
  }

  const push = async (record: IntentRecord, sent: boolean): Promise<boolean> => {
    const last = table.attemptsOf(record.id).at(-1)!
    if (sent && now() - last.createdAt > deps.replaceAfterMs && record.hashes.length < deps.maxAttempts) {
      return sender.replace(record)
    }
    return sent || sender.resend(record)
  }

  /** Follows one pending intent until it is mined. @throws as `Journal.send`; `journal-closed` on abort. */
  const watch = async (id: number, wasSent: boolean): Promise<Mined> => {
    let sent = wasSent
    let misses = 0
    let failures = 0
    while (!signal.aborted) {
      const record = table.get(id)
      const sight = await look(record).catch((error: unknown) => {
        deps.onError(error)
        return null
      })
      if (sight?.receipt) return resolve(record, sight.receipt)
      if (sight !== null && sight.chainNonce > record.nonce) {
        misses += 1
        if (misses >= SIGHTS_UNTIL_LOST) throw lose(record)
      } else if (sight !== null) {
        misses = 0
        sent = await push(record, sent).catch((error: unknown) => {
          deps.onError(error)
          return sent
        })
      }
      failures = sight === null ? failures + 1 : 0
      await pause(failures > 0 ? backoffMs(failures, pollMs, 10_000) : pollMs, signal)
    }
    throw closedError()
  }

  const lose = (record: IntentRecord): ChainError => {
    table.settle(record.id, 'lost')
    return new ChainError(
      'nonce-taken',
      `Another transaction of ${address} took nonce ${record.nonce}, meant for ${record.kind}.`,
      {
        retryable: true,
        hint: 'Give each process a key of its own.',
        details: { address, nonce: record.nonce, kind: record.kind },
      },
    )
  }

  /** A mined intent becomes final, or goes back to pending when a reorg took its block away. @returns its new state. */
  const confirm = async (record: IntentRecord): Promise<IntentRecord['state']> => {
    const sight = await look(record)
    if (sight.receipt === null) {
      if (sight.chainNonce <= record.nonce) table.settle(record.id, 'pending')
      else table.settle(record.id, 'lost')
    } else {
      const { transactionHash: hash, blockNumber, status } = sight.receipt
      const state = status === 'reverted' ? 'reverted' : blockNumber <= sight.finalized ? 'final' : 'mined'
      table.settle(record.id, state, { hash, blockNumber })
    }
    return table.get(record.id).state
  }

  return { watch, confirm }
}

export const closedError = () =>
  new ChainError(
    'journal-closed',
    'The journal was closed; the intent stays in it and is taken up at the next start.',
  )

const receiptOf = async (client: RpcClient, hash: TransactionReceipt['transactionHash']) => {
  try {
    return await client.getTransactionReceipt({ hash })
  } catch (error) {
    if (error instanceof TransactionReceiptNotFoundError) return null
    throw error
  }
}

/** The revert data of a mined transaction, from the same call at its block; `0x` when that call passes by now. */
const replay = (chain: Chain, from: Address, record: IntentRecord, receipt: TransactionReceipt) =>
  chain.request('replay a reverted transaction', async (client) => {
    const { to, data, value, gas } = record
    try {
      await client.call({ account: from, to, data, value, gas, blockNumber: receipt.blockNumber })
      return '0x' as const
    } catch (error) {
      const revert = revertDataOf(error)
      if (revert !== undefined) return revert
      throw error
    }
  })
