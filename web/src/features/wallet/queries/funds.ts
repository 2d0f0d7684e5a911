import { leaseEscrowAbi } from '@decloud/protocol/abi/index'
import { queryOptions } from '@tanstack/react-query'
import { type Address, erc20Abi } from 'viem'
import { getBalance, getGasPrice, readContract } from 'viem/actions'
import type { Runtime } from '../../../data/runtime.tsx'

/** µUSDC, but for `gas` and `gasPrice`, which are wei. */
export type Funds = {
  wallet: bigint
  allowance: bigint
  /** What the escrow holds for the account outside any lease. */
  internal: bigint
  gas: bigint
  gasPrice: bigint
}

export const fundsKey = (runtime: Runtime) => ['funds', runtime.config.chainId, runtime.config.leaseEscrow]

export const fundsQuery = (runtime: Runtime, account: Address | undefined) =>
  queryOptions({
    queryKey: [...fundsKey(runtime), account],
    enabled: account !== undefined,
    refetchInterval: runtime.pollMs * 3,
    queryFn: async (): Promise<Funds> => {
      const { client, config } = runtime
      const owner = account as Address
      const token = { address: config.usdc, abi: erc20Abi } as const
      const [wallet, allowance, internal, gas, gasPrice] = await Promise.all([
        readContract(client, { ...token, functionName: 'balanceOf', args: [owner] }),
        readContract(client, { ...token, functionName: 'allowance', args: [owner, config.leaseEscrow] }),
        readContract(client, {
          address: config.leaseEscrow,
          abi: leaseEscrowAbi,
          functionName: 'balanceOf',
          args: [owner],
        }),
        getBalance(client, { address: owner }),
        getGasPrice(client),
      ])
      return { wallet, allowance, internal, gas, gasPrice }
    },
  })
