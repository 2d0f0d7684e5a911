// Closing and topping up.
import { leaseEscrowAbi } from '@decloud/protocol/abi/index'
import { type Address, erc20Abi, type Hex } from 'viem'
import { readContract } from 'viem/actions'
import type { Flow, FlowEnv, FlowStep } from '../../flows/flow.ts'
import { included, send } from '../../flows/send.ts'

const ENDED = 4

const read = (env: FlowEnv, leaseId: Hex) =>
  readContract(env.runtime.client, {
    address: env.runtime.config.leaseEscrow,
    abi: leaseEscrowAbi,
    functionName: 'leaseOf',
    args: [leaseId],
  })

/** `to` zero: the refund goes to the tenant's DeCloud balance. */
export type CloseParams = { leaseId: Hex; to: Address }

export const closeFlow: Flow<CloseParams> = {
  kind: 'close',
  steps: () => [
    {
      id: 'close',
      title: 'Close the lease',
      achieved: async (env, { leaseId }) => (await read(env, leaseId)).status === ENDED,
      commit: (env, { leaseId, to }) =>
        send(env, {
          address: env.runtime.config.leaseEscrow,
          abi: leaseEscrowAbi,
          functionName: 'close',
          args: [leaseId, to],
        }),
      verify: (env, _, hash) => included(env, hash),
    },
  ],
}

/** `target`: what the lease will hold once topped up; tells after a reload whether it happened. µUSDC. */
export type TopUpParams = {
  leaseId: Hex
  amount: bigint
  target: bigint
  payer: Address
  fromBalance: boolean
}

const toppedUp = async (env: FlowEnv, params: TopUpParams) =>
  (await read(env, params.leaseId)).deposited >= params.target

const allow: FlowStep<TopUpParams> = {
  id: 'approve',
  title: 'Allow the payment',
  achieved: async (env, params) => {
    const { client, config } = env.runtime
    const allowance = await readContract(client, {
      address: config.usdc,
      abi: erc20Abi,
      functionName: 'allowance',
      args: [params.payer, config.leaseEscrow],
    })
    return allowance >= params.amount || toppedUp(env, params)
  },
  commit: (env, { amount }) =>
    send(env, {
      address: env.runtime.config.usdc,
      abi: erc20Abi,
      functionName: 'approve',
      args: [env.runtime.config.leaseEscrow, amount],
    }),
  verify: (env, _, hash) => included(env, hash),
}

const pay: FlowStep<TopUpParams> = {
  id: 'top-up',
  title: 'Top up the lease',
  achieved: toppedUp,
  commit: (env, { leaseId, amount, fromBalance }) =>
    send(env, {
      address: env.runtime.config.leaseEscrow,
      abi: leaseEscrowAbi,
      functionName: fromBalance ? 'topUpFromBalance' : 'topUp',
      args: [leaseId, amount],
    }),
  verify: (env, _, hash) => included(env, hash),
}

export const topUpFlow: Flow<TopUpParams> = {
  kind: 'top-up',
  steps: ({ fromBalance }) => (fromBalance ? [pay] : [allow, pay]),
}
