// One signed transaction to every RPC at once, and what can be said about it afterwards. The difference between "nobody
// has it" and "somebody may have it" decides whether its nonce may be used for something else.
import type { Hex } from 'viem'
import type { Chain, RpcClient } from '../connect.ts'
import { ChainError } from '../errors.ts'
import { detailOf } from '../rpc-errors.ts'

/** Why a node wants nothing of it. `nonce-low`: its nonce is used. `underpriced`: for the market, or to replace. */
export type Why = 'nonce-low' | 'underpriced' | 'funds' | 'other'

/**
 * `held`: at least one node has it. `unknown`: no clear answer, so it may or may not be there. `refused`: every node
 * said no.
 */
export type Broadcast =
  | { outcome: 'held' }
  | { outcome: 'unknown'; error: ChainError }
  | { outcome: 'refused'; why: Why; error: ChainError }

const KNOWN = /already (known|imported)|known transaction|transaction already/i
const NONCE_LOW = /nonce (is )?too low|OldNonce|nonce has already been used/i
const UNDERPRICED =
  /underpriced|fee too low|less than (the )?(current )?block base fee|below (the )?(current )?base fee|gas ?price (too low|below)|tip (too low|below)|FeeTooLow/i
const FUNDS = /insufficient funds|InsufficientFunds/i
// Said by servers in front of a node, about themselves: the node may have it all the same.
const UNCLEAR_CODES: ReadonlySet<number> = new Set([-32603, -32005, -32001, -32002, -32016])

// What serves another chain is not asked at all: it is as if it were not there.
const FOREIGN: ReadonlySet<string> = new Set(['rpc-disagree', 'chain-id-wrong', 'contract-missing'])

const judge = (error: ChainError): Broadcast | null => {
  if (FOREIGN.has(error.code)) return null
  const detail = detailOf(error.cause ?? error)
  if (KNOWN.test(detail)) return { outcome: 'held' }
  if (NONCE_LOW.test(detail)) return { outcome: 'refused', why: 'nonce-low', error }
  if (UNDERPRICED.test(detail)) return { outcome: 'refused', why: 'underpriced', error }
  if (FUNDS.test(detail)) return { outcome: 'refused', why: 'funds', error }
  const { rpcCode } = error.details
  return typeof rpcCode === 'number' && !UNCLEAR_CODES.has(rpcCode)
    ? { outcome: 'refused', why: 'other', error }
    : { outcome: 'unknown', error }
}

const sendTo = async (chain: Chain, client: RpcClient, raw: Hex): Promise<Broadcast | null> => {
  try {
    await chain.ask(client, 'send a transaction', (one) =>
      one.sendRawTransaction({ serializedTransaction: raw }),
    )
    return { outcome: 'held' }
  } catch (error) {
    // `ask` throws nothing else.
    return judge(error as ChainError)
  }
}

const MILDEST: readonly Why[] = ['nonce-low', 'underpriced', 'funds', 'other']

const nobodyAsked = (): Broadcast => ({
  outcome: 'unknown',
  error: new ChainError('rpc-unreachable', 'No RPC of this chain could be asked to send a transaction.', {
    retryable: true,
  }),
})

const sumUp = (answers: readonly Broadcast[]): Broadcast => {
  if (answers.length === 0) return nobodyAsked()
  const unknown = answers.find((answer) => answer.outcome === 'unknown')
  if (unknown !== undefined) return unknown
  const refusals = answers.filter((answer) => answer.outcome === 'refused')
  return refusals.sort((a, b) => MILDEST.indexOf(a.why) - MILDEST.indexOf(b.why))[0]!
}

/** Returns as soon as one node has it; the others are asked all the same. Never throws. */
export const broadcast = (chain: Chain, raw: Hex): Promise<Broadcast> =>
  new Promise((resolve) => {
    const answers: (Broadcast | null)[] = []
    for (const client of chain.clients) {
      void sendTo(chain, client, raw).then((answer) => {
        answers.push(answer)
        if (answer?.outcome === 'held') resolve(answer)
        else if (answers.length === chain.clients.length) {
          resolve(sumUp(answers.filter((one) => one !== null)))
        }
      })
    }
  })
