import type { Chain } from '@decloud/chain'
import { premiumStakeAbi } from '@decloud/protocol'

/**
 * The least stake that makes a node premium, in units of the staked token: a constant of the contract.
 * @param blockNumber of a block at which the contract is there; the latest one when not said.
 * @returns `null` where no such contract is deployed.
 * @throws ChainError as `Chain.request` does.
 */
export const readMinimumStake = async (chain: Chain, blockNumber?: bigint): Promise<bigint | null> => {
  const { premiumStake: address } = chain.deployment
  if (address === undefined) return null
  return chain.request('read the least stake', (client) =>
    client.readContract({
      ...{ address, abi: premiumStakeAbi, functionName: 'MINIMUM_STAKE' },
      ...(blockNumber === undefined ? {} : { blockNumber }),
    }),
  )
}
