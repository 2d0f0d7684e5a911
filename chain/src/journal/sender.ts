// Intent → signed, written, broadcast; in that order.
import { type Abi, type Hex, keccak256, type LocalAccount } from 'viem'
import type { Chain } from '../connect.ts'
import { ChainError } from '../errors.ts'
import { type Broadcast, broadcast } from './broadcast.ts'
import { feeCap, firstFees, marketFees, replacementFees } from './fees.ts'
import type { Attempt, Fees, IntentTable } from './intents.ts'
import { gasFundsShort, gasOverCap, revertOf } from './refusals.ts'
import type { Intent, IntentRecord } from './types.ts'

// An estimate is exact for the state it saw; the state at inclusion may cost a little more.
const GAS_MARGIN = { numerator: 5n, denominator: 4n }
/** What a transfer of nothing to oneself takes. */
const PLAIN_GAS = 21_000n

export type SenderDeps = {
  chain: Chain
  account: LocalAccount
  table: IntentTable
  abi: Abi
  /** Wei per gas that no transaction pays more than. */
  maxFeePerGas: bigint
  maxAttempts: number
  now(): number
}

type Call = { to: Hex; data: Hex; value: bigint; gas: bigint }

export const makeSender = ({
  chain,
  account,
  table,
  abi,
  maxFeePerGas: cap,
  maxAttempts,
  now,
}: SenderDeps) => {
  const { chainId } = chain.deployment
  const { address } = account

  /** @returns gas with margin. @throws RevertError `simulation-reverted`. */
  const simulate = (intent: Required<Intent>): Promise<bigint> =>
    chain.request(`simulate ${intent.kind}`, async (client) => {
      const { to, data, value } = intent
      try {
        const estimate = await client.estimateGas({ account: address, to, data, value })
        const gas = (estimate * GAS_MARGIN.numerator) / GAS_MARGIN.denominator
        return gas > intent.gas ? gas : intent.gas
      } catch (error) {
        throw revertOf(intent, error, abi) ?? error
      }
    })

  const balance = () => chain.request('read the gas balance', (client) => client.getBalance({ address }))

  const checkFunds = async (call: Call, fees: Fees) => {
    const needs = call.gas * fees.maxFeePerGas + call.value
    const has = await balance()
    if (has < needs) throw gasFundsShort(address, chainId, needs, has)
  }

  const sign = async (call: Call, nonce: number, fees: Fees, cancels: boolean): Promise<Attempt> => {
    const { to, data, value, gas } = call
    const raw = await account.signTransaction({
      ...{ type: 'eip1559', chainId, nonce, ...fees },
      ...{ to, data, value, gas },
    })
    return { hash: keccak256(raw), raw, fees, cancels, createdAt: now() }
  }

  const nothing: Call = { to: address, data: '0x', value: 0n, gas: PLAIN_GAS }

  /**
   * Plans, writes and sends a new intent. Runs one at a time: the nonce is chosen and taken here.
   * @param chainNonce the account's next nonce by the newest block.
   * @param maxGas the most gas it may be signed for.
   */
  const open = async (
    intent: Required<Intent>,
    chainNonce: number,
    maxGas?: bigint,
  ): Promise<{ record: IntentRecord; sent: Broadcast }> => {
    const gas = await simulate(intent)
    if (maxGas !== undefined && gas > maxGas) throw gasOverCap(intent.kind, gas, maxGas)
    const fees = firstFees(await marketFees(chain), cap)
    await checkFunds({ ...intent, gas }, fees)
    const nonce = table.freeNonce(chainNonce)
    const attempt = await sign({ ...intent, gas }, nonce, fees, false)
    const record = table.create({ ...intent, nonce, gas }, attempt)
    const sent = await broadcast(chain, attempt.raw)
    // Another transaction of this key waits at that nonce (the journal is older than it is): outbid it.
    if (sent.outcome !== 'refused' || sent.why === 'underpriced') return { record, sent }
    // No node took it and none ever had another one for it: the nonce is free again.
    table.settle(record.id, 'abandoned')
    if (sent.why === 'nonce-low') throw behind(nonce, sent.error)
    if (sent.why !== 'funds') throw sent.error
    const needs = gas * fees.maxFeePerGas + intent.value
    throw gasFundsShort(address, chainId, needs, await balance(), sent.error)
  }

  const newest = (record: IntentRecord) => table.attemptsOf(record.id).at(-1)!

  /** Sends the newest attempt again; a node that has it, or has mined it, does not mind. */
  const resend = (record: IntentRecord): Promise<Broadcast> => broadcast(chain, newest(record).raw)

  const replaceBy = async (record: IntentRecord, fees: Fees, cancels: boolean): Promise<Broadcast> => {
    const call = cancels ? nothing : record
    await checkFunds(call, fees)
    const attempt = await sign(call, record.nonce, fees, cancels)
    table.addAttempt(record.id, attempt)
    return broadcast(chain, attempt.raw)
  }

  /**
   * The same nonce with higher fees, written before it is sent.
   * @param underpriced whether a node asked for more: then the market's fees are not the measure.
   * @throws ChainError `fee-cap` when more would be over the cap; what was sent stays in flight and is sent again.
   */
  const replace = async (record: IntentRecord, underpriced: boolean): Promise<Broadcast> => {
    const last = newest(record)
    const market = await marketFees(chain)
    // Enough attempts, and the last would get in by its fees: paying more does not help.
    const enough = record.hashes.length >= maxAttempts && market.least <= last.fees.maxFeePerGas
    if (enough && !underpriced) return resend(record)
    const fees = replacementFees(last.fees, market, cap)
    if (fees !== null) return replaceBy(record, fees, last.cancels)
    await resend(record)
    throw feeCap(market.maxFeePerGas, cap)
  }

  /** Gives the nonce to a transaction that does nothing, so that those behind it get through. */
  const cancel = async (record: IntentRecord): Promise<Broadcast> => {
    const fees = replacementFees(newest(record).fees, await marketFees(chain), cap)
    if (fees === null) throw feeCap(newest(record).fees.maxFeePerGas, cap)
    return replaceBy(record, fees, true)
  }

  return { open, resend, replace, cancel }
}
export type Sender = ReturnType<typeof makeSender>

/** The RPC knows less than it, another, or this journal did before. */
export const behind = (nonce: number, cause?: unknown) =>
  new ChainError('rpc-behind', `The RPC says that nonce ${nonce} is free, and it was used before.`, {
    retryable: true,
    hint: 'It lags behind; nothing was sent, and the same will be tried again.',
    details: { nonce },
    cause,
  })
