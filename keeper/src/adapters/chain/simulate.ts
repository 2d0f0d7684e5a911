import { type Chain, ChainError, refusalIn, revertDataOf } from '@decloud/chain'
import type { Refusal } from '@decloud/protocol'
import type { Outcome, Simulate } from '../../ports/simulate.ts'

const UNNAMED: Refusal = {
  message: 'The contract refuses this call without saying why.',
  hint: 'Check the figures, the balance and the allowance.',
}

export const makeSimulate =
  (chain: Chain): Simulate =>
  async ({ from, to, data }) => {
    try {
      return await chain.request('simulate a call', async (client): Promise<Outcome> => {
        try {
          return { outcome: 'accepted', gas: await client.estimateGas({ account: from, to, data }) }
        } catch (error) {
          const reverted = revertDataOf(error)
          if (reverted === undefined) throw error
          return { outcome: 'refused', refusal: refusalIn(reverted) ?? UNNAMED }
        }
      })
    } catch (error) {
      // The call is right or wrong without us: an RPC that is away must not keep it from its sender.
      if (error instanceof ChainError && error.retryable) return { outcome: 'unknown' }
      throw error
    }
  }
