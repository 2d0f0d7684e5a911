// Intent → signed, written, broadcast; in that order.
import { type Abi, keccak256, type LocalAccount } from 'viem'
import type { Chain } from '../connect.ts'
import { ChainError } from '../errors.ts'
import { currentFees, replacementFees } from './fees.ts'
import type { Attempt, Fees, IntentTable } from './intents.ts'
import {
  gasFundsShort,
  gasOverCap,
  isAlreadyKnown,
  isFundsError,
  revertDataOf,
  toRevert,
} from './refusals.ts'
import type { Intent, IntentRecord } from './types.ts'

// An estimate is exact for the state it saw; the state at inclusion may cost a little more.
const GAS_MARGIN = { numerator: 5n, denominator: 4n }

export type SenderDeps = {
  chain: Chain
  account: LocalAccount
  table: IntentTable
  abi: Abi
  now(): number
}

export const makeSender = ({ chain, account, table, abi, now }: SenderDeps) => {
  const { chainId } = chain.deployment
  const { address } = account

  /** @returns gas with margin. @throws RevertError `simulation-reverted`. */
  const simulate = (intent: Required<Intent>): Promise<bigint> =>
    chain.request(`simulate ${intent.kind}`, async (client) => {
      const { to, data, value } = intent
      try {
        const estimate = await client.estimateGas({ account: address, to, data, value })
        return (estimate * GAS_MARGIN.numerator) / GAS_MARGIN.denominator
      } catch (error) {
        const data = revertDataOf(error)
        if (data !== undefined) throw toRevert('simulation-reverted', intent, data, error, abi)
        throw error
      }
    })

  const checkFunds = async (intent: Required<Intent>, gas: bigint, fees: Fees) => {
    const needs = gas * fees.maxFeePerGas + intent.value
    const has = await chain.request('read the gas balance', (client) => client.getBalance({ address }))
    if (has < needs) throw gasFundsShort(address, chainId, needs, has)
  }

  const sign = async (intent: Required<Intent>, nonce: number, gas: bigint, fees: Fees): Promise<Attempt> => {
    const { to, data, value } = intent
    const raw = await account.signTransaction({
      type: 'eip1559',
      chainId,
      to,
      data,
      value,
      nonce,
      gas,
      ...fees,
    })
    return { hash: keccak256(raw), raw, fees, createdAt: now() }
  }

  /**
   * @returns whether a node has the transaction. `false`: no answer, so it may or may not be there.
   * @throws ChainError when every node refuses it.
   */
  const broadcast = async (attempt: Attempt): Promise<boolean> => {
    try {
      await chain.request('send a transaction', async (client) => {
        try {
          await client.sendRawTransaction({ serializedTransaction: attempt.raw })
        } catch (error) {
          if (!isAlreadyKnown(error)) throw error
        }
      })
      return true
    } catch (error) {
      if (error instanceof ChainError && error.code === 'rpc-unreachable') return false
      throw error
    }
  }

  /** Plans, writes and sends a new intent. Runs one at a time: the nonce is chosen and taken here. */
  const open = async (
    intent: Required<Intent>,
    maxGas?: bigint,
  ): Promise<{ record: IntentRecord; sent: boolean }> => {
    const gas = await simulate(intent)
    if (maxGas !== undefined && gas > maxGas) throw gasOverCap(intent.kind, gas, maxGas)
    const fees = await currentFees(chain)
    await checkFunds(intent, gas, fees)
    const chainNonce = await chain.request('read the nonce', (client) =>
      client.getTransactionCount({ address, blockTag: 'latest' }),
    )
    const nonce = table.freeNonce(chainNonce)
    const attempt = await sign(intent, nonce, gas, fees)
    const record = table.create({ ...intent, nonce, gas }, attempt)
    try {
      return { record, sent: await broadcast(attempt) }
    } catch (error) {
      // No node took it and it is the newest nonce: nothing is lost by giving the nonce back.
      table.settle(record.id, 'abandoned')
      if (!isFundsError((error as Error).cause ?? error)) throw error
      const has = await chain.request('read the gas balance', (client) => client.getBalance({ address }))
      throw gasFundsShort(address, chainId, gas * fees.maxFeePerGas + intent.value, has, error)
    }
  }

  /** Sends the newest attempt again; a node that has it, or has mined it, does not mind. */
  const resend = (record: IntentRecord) => broadcast(table.attemptsOf(record.id).at(-1)!)

  /** The same nonce with higher fees, written before it is sent. */
  const replace = async (record: IntentRecord): Promise<boolean> => {
    const last = table.attemptsOf(record.id).at(-1)!
    const fees = replacementFees(last.fees, await currentFees(chain))
    await checkFunds(record, record.gas, fees)
    const attempt = await sign(record, record.nonce, record.gas, fees)
    table.addAttempt(record.id, attempt)
    return broadcast(attempt)
  }

  return { open, resend, replace }
}
