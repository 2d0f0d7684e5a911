import { leaseEscrowAbi } from '@decloud/protocol/abi/index'
import type { Address } from 'viem'
import { readContract } from 'viem/actions'
import type { Flow } from '../../flows/flow.ts'
import { included, send } from '../../flows/send.ts'

/** `left`: what stays once withdrawn; tells after a reload whether it happened. µUSDC. */
export type WithdrawParams = { account: Address; amount: bigint; left: bigint }

export const withdrawFlow: Flow<WithdrawParams> = {
  kind: 'withdraw',
  steps: () => [
    {
      id: 'withdraw',
      title: 'Withdraw to your wallet',
      achieved: async (env, { account, left }) => {
        const balance = await readContract(env.runtime.client, {
          address: env.runtime.config.leaseEscrow,
          abi: leaseEscrowAbi,
          functionName: 'balanceOf',
          args: [account],
        })
        return balance <= left
      },
      commit: (env, { account, amount }) =>
        send(env, {
          address: env.runtime.config.leaseEscrow,
          abi: leaseEscrowAbi,
          functionName: 'withdraw',
          args: [account, amount],
        }),
      verify: (env, _, hash) => included(env, hash),
    },
  ],
}
