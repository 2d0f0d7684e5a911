// What the settler asks the chain before it sends.
import { type Chain, marketFees, revertOf } from '@decloud/chain'
import { leaseEscrowAbi } from '@decloud/protocol'
import type { Address } from 'viem'
import type { ChoreChain } from '../../ports/chores.ts'

/** @param keeper who would send. */
export const makeChoreChain = (chain: Chain, keeper: Address): ChoreChain => {
  const escrow = { address: chain.deployment.leaseEscrow, abi: leaseEscrowAbi } as const
  return {
    gains: (leaseIds) =>
      chain.request('read what is to be settled', async (client) => {
        const { number: blockNumber, timestamp } = await client.getBlock()
        return Promise.all(
          leaseIds.map(async (leaseId) => {
            const [{ settled }, vested] = await Promise.all([
              client.readContract({ ...escrow, blockNumber, functionName: 'leaseOf', args: [leaseId] }),
              client.readContract({
                ...escrow,
                blockNumber,
                functionName: 'vested',
                args: [leaseId, timestamp],
              }),
            ])
            return vested - settled
          }),
        )
      }),
    estimate: ({ kind, to, data }) =>
      chain.request(`simulate ${kind}`, async (client) => {
        try {
          return await client.estimateGas({ account: keeper, to, data })
        } catch (error) {
          throw revertOf({ kind, dedupe: kind, to, data }, error) ?? error
        }
      }),
    weiPerGas: async () => {
      const { maxFeePerGas, maxPriorityFeePerGas } = await marketFees(chain)
      // The maximum leaves room for a base fee twice as high; what is paid is the base fee of the block.
      return (maxFeePerGas - maxPriorityFeePerGas) / 2n + maxPriorityFeePerGas
    },
    funds: () => chain.request('read the gas balance', (client) => client.getBalance({ address: keeper })),
  }
}
