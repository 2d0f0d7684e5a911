// What the chain shows of a transaction.
import { type Address, type TransactionReceipt, TransactionReceiptNotFoundError } from 'viem'
import type { Chain, RpcClient } from '../connect.ts'
import type { Attempt } from './intents.ts'
import { revertDataOf } from './refusals.ts'
import type { IntentRecord, IntentState } from './types.ts'

/** One RPC's view: `chainNonce` is the account's next nonce by the newest block, `finalized` a height. */
export type Sight = { receipt: TransactionReceipt | null; chainNonce: number; finalized: bigint }

const receiptOf = async (client: RpcClient, hash: TransactionReceipt['transactionHash']) => {
  try {
    return await client.getTransactionReceipt({ hash })
  } catch (error) {
    if (error instanceof TransactionReceiptNotFoundError) return null
    throw error
  }
}

const receiptIn = async (client: RpcClient, record: IntentRecord): Promise<TransactionReceipt | null> =>
  (await Promise.all(record.hashes.map((hash) => receiptOf(client, hash)))).find((one) => one !== null) ??
  null

export const lookFor = (chain: Chain, address: Address, record: IntentRecord): Promise<Sight> =>
  chain.request(`look for the transaction of ${record.kind}`, async (client) => {
    const chainNonce = await client.getTransactionCount({ address, blockTag: 'latest' })
    const receipt = await receiptIn(client, record)
    const finalized = await client.getBlock({ blockTag: 'finalized' })
    return { receipt, chainNonce, finalized: finalized.number }
  })

/** Where an intent stands whose transaction has a receipt. */
export const stateAt = ({ receipt, finalized }: Sight, attempts: readonly Attempt[]): IntentState => {
  const { transactionHash, status, blockNumber } = receipt!
  const isFinal = blockNumber <= finalized
  const isCancel = attempts.find(({ hash }) => hash === transactionHash)?.cancels ?? false
  if (status === 'success' && !isCancel) return isFinal ? 'final' : 'mined'
  if (!isFinal) return 'refused'
  return isCancel ? 'abandoned' : 'reverted'
}

/** What every RPC that answers says. */
const everywhere = async <answer>(chain: Chain, ask: (client: RpcClient) => Promise<answer>) => {
  const answers = await Promise.allSettled(
    chain.clients.map((client) => chain.ask(client, 'look for a transaction', ask)),
  )
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
}

/**
 * Whether a transaction that is not in the record used its nonce, finally: only then can none of the record's own ever
 * be mined. The nonce is read before the receipts, so that a node that has the one has the other.
 */
export const isNonceTaken = async (
  chain: Chain,
  address: Address,
  record: IntentRecord,
): Promise<boolean> => {
  const views = await everywhere(chain, async (client) => {
    const final = await client.getTransactionCount({ address, blockTag: 'finalized' })
    return { used: final > record.nonce, receipt: await receiptIn(client, record) }
  })
  return views.some(({ used }) => used) && views.every(({ receipt }) => receipt === null)
}

/** Whether the chain went back under what was final: no RPC that answers knows the transaction or counts its nonce. */
export const isGone = async (chain: Chain, address: Address, record: IntentRecord): Promise<boolean> => {
  const views = await everywhere(chain, async (client) => {
    const next = await client.getTransactionCount({ address, blockTag: 'latest' })
    return { counted: next > record.nonce, receipt: await receiptIn(client, record) }
  })
  return views.length > 0 && views.every(({ counted, receipt }) => !counted && receipt === null)
}

/** The revert data of a mined transaction, from the same call at its block; `0x` when the RPC cannot tell. */
export const replay = async (
  chain: Chain,
  from: Address,
  record: IntentRecord,
  receipt: TransactionReceipt,
): Promise<`0x${string}`> => {
  const { to, data, value, gas } = record
  try {
    return await chain.request('replay a reverted transaction', async (client) => {
      try {
        await client.call({ account: from, to, data, value, gas, blockNumber: receipt.blockNumber })
        return '0x' as const
      } catch (error) {
        const revert = revertDataOf(error)
        if (revert !== undefined) return revert
        throw error
      }
    })
  } catch {
    // The outcome is known from the receipt; only its reason is not.
    return '0x'
  }
}
