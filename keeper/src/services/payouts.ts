// Pays out weekly to payees that asked for it: whose node's payee is the payouts contract. It goes to the recipient that
// the owner named, whoever sends it; a second keeper that does the same pays for a call that skips everything.
import type { Follower, Journal } from '@decloud/chain'
import { DecloudError, formatUsdc, payoutsAbi, sentenceOf } from '@decloud/protocol'
import { gasCost, isWithin } from '@decloud/protocol/gas'
import { type Address, encodeFunctionData, isAddressEqual, keccak256 } from 'viem'
import { type Batch, type PayoutLimits, planPayouts } from '../domain/payouts.ts'
import type { ChoreChain } from '../ports/chores.ts'
import type { Log } from '../ports/log.ts'
import type { Market } from '../ports/market.ts'
import type { PayoutsChain } from '../ports/payouts.ts'

export type PayoutsDeps = {
  follower: Pick<Follower, 'health' | 'synced'>
  journal: Pick<Journal, 'send' | 'inFlight'>
  market: Pick<Market, 'allNodes'>
  payouts: Address
  chain: PayoutsChain
  gas: Pick<ChoreChain, 'estimate' | 'weiPerGas'>
  limits: PayoutLimits
  /** µUSDC that one gas coin is taken to be worth. */
  coinUsdc: bigint
  log: Log
  signal: AbortSignal
}

export type PayoutRound = {
  /** Nodes that a push was sent for. */
  pushed: number
  /** Nodes whose recipient USDC does not pay now. */
  refused: number
  failed: number
  /** Why nothing was looked at. */
  held: 'feed' | 'in-flight' | null
}

const KIND = 'push-payouts'
const NOTHING: PayoutRound = { pushed: 0, refused: 0, failed: 0, held: null }

export type Payouts = { round(): Promise<PayoutRound> }

export const makePayouts = (deps: PayoutsDeps): Payouts => {
  const { follower, journal, market, payouts, chain, gas, limits, coinUsdc, log, signal } = deps

  /** @returns whether it was sent. @throws as `Journal.send`. */
  const push = async ({ nodes, moves }: Batch, weiPerGas: bigint): Promise<boolean> => {
    const data = encodeFunctionData({ abi: payoutsAbi, functionName: 'push', args: [[...nodes]] })
    const call = { kind: KIND, to: payouts, data }
    const cost = gasCost(await gas.estimate(call), { weiPerGas, coinUsdc })
    const money = { movesUsdc: formatUsdc(moves), gasUsdc: formatUsdc(cost) }
    if (!isWithin(cost, moves, limits.gasCapBps)) {
      log.info({ nodes: nodes.length, ...money }, 'payouts wait: their gas is too dear for what they pay')
      return false
    }
    const { hash, blockNumber } = await journal.send({ ...call, dedupe: `${KIND} ${keccak256(data)}` })
    log.info({ nodes: nodes.length, ...money, hash, blockNumber: String(blockNumber) }, 'paid out')
    await follower.synced({ height: blockNumber })
    return true
  }

  const round = async (): Promise<PayoutRound> => {
    if (follower.health().state !== 'live') return { ...NOTHING, held: 'feed' }
    const isUnderway = journal.inFlight().some(({ kind, state }) => kind === KIND && state === 'pending')
    if (isUnderway) return { ...NOTHING, held: 'in-flight' }
    const asked = market
      .allNodes()
      .filter(({ payee, earned }) => earned > 0n && isAddressEqual(payee, payouts))
    if (asked.length === 0) return NOTHING
    const { at, payable, refused } = await chain.look(asked.map(({ node }) => node))
    if (refused.length > 0) log.warn({ nodes: refused }, 'USDC does not pay these recipients now: they wait')
    const weiPerGas = await gas.weiPerGas()
    const result = { ...NOTHING, refused: refused.length }
    for (const batch of planPayouts(payable, at, { weiPerGas, coinUsdc }, limits)) {
      if (signal.aborted) break
      try {
        if (await push(batch, weiPerGas)) result.pushed += batch.nodes.length
      } catch (error) {
        if (signal.aborted) break
        result.failed += batch.nodes.length
        const code = error instanceof DecloudError ? error.code : 'unknown'
        log.warn({ nodes: batch.nodes.length, code }, sentenceOf(error))
        // Without gas or without an RPC every further batch would fail the same way.
        if (!code.endsWith('-reverted')) break
      }
    }
    return result
  }

  return { round }
}
