// Transactions of this key that a pool still holds and the journal does not know, because it was lost or is an older copy.
// What they will do no simulation sees: a second assignment to the same node, say, passes and is refused in its block.
import type { Address } from 'viem'
import type { Chain } from '../connect.ts'
import { pause } from '../wait.ts'
import type { IntentTable } from './intents.ts'

export type ForgottenDeps = {
  chain: Chain
  address: Address
  table: Pick<IntentTable, 'freeNonce'>
  /** So long they are given to be mined; after that their nonces are bid for. */
  forMs: number
  pollMs: number
  now(): number
  signal: AbortSignal
}

/**
 * @returns what waits until none is left or their time is over, once in the life of a journal. An RPC that shows no pool
 * counts what is mined, so that there is nothing to wait for. @throws ChainError when no RPC answers.
 */
export const makeForgotten = ({ chain, address, table, forMs, pollMs, now, signal }: ForgottenDeps) => {
  let isOver = false
  const some = () =>
    chain.request('count what waits of this key', async (client) => {
      const mined = await client.getTransactionCount({ address, blockTag: 'latest' })
      const pooled = await client.getTransactionCount({ address, blockTag: 'pending' })
      return pooled > table.freeNonce(mined)
    })
  return async (): Promise<void> => {
    if (isOver) return
    const started = now()
    while (!signal.aborted && (await some())) {
      // A clock that was set back must not hold the first transaction up for ever.
      const age = now() - started
      if (age < 0 || age >= forMs) break
      await pause(pollMs, signal)
    }
    isOver = true
  }
}
