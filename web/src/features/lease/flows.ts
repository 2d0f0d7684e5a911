// Closing and topping up.
import { leaseEscrowAbi, leaseMandatesAbi } from '@decloud/protocol/abi/index'
import { closeMandate, type TokenDomain, topUpAuthorization, topUpMandate } from '@decloud/protocol/mandates'
import { type Address, erc20Abi, type Hex } from 'viem'
import { readContract, signTypedData } from 'viem/actions'
import type { Flow, FlowEnv, FlowStep } from '../../flows/flow.ts'
import { included, send } from '../../flows/send.ts'
import { carryOut, needed, type Once, signerHere, stillGood } from '../../flows/sponsored.ts'

const ENDED = 4

const read = (env: FlowEnv, leaseId: Hex) =>
  readContract(env.runtime.client, {
    address: env.runtime.config.leaseEscrow,
    abi: leaseEscrowAbi,
    functionName: 'leaseOf',
    args: [leaseId],
  })

/** `to` zero: the refund goes to the tenant's DeCloud balance. `once`: where a sponsor offers to send it. */
export type CloseParams = { leaseId: Hex; to: Address; once?: Once }

const isClosed = async (env: FlowEnv, { leaseId }: CloseParams) => (await read(env, leaseId)).status === ENDED

const close: FlowStep<CloseParams> = {
  id: 'close',
  title: 'Close the lease',
  achieved: isClosed,
  commit: (env, { leaseId, to }) =>
    send(env, {
      address: env.runtime.config.leaseEscrow,
      abi: leaseEscrowAbi,
      functionName: 'close',
      args: [leaseId, to],
    }),
  verify: (env, _, hash) => included(env, hash),
}

const signClose: FlowStep<CloseParams> = {
  id: 'sign',
  title: 'Sign the closing',
  achieved: isClosed,
  commit: async (env, { leaseId, to, once }) =>
    signTypedData(await signerHere(env), closeMandate(env.runtime.config, { leaseId, to, ...needed(once) })),
  verify: (env, { once }) => stillGood(env, needed(once).deadline),
}

const closeSponsored: FlowStep<CloseParams> = {
  ...close,
  meanwhile: 'Sending it for you',
  commit: (env, { leaseId, to, once }, earlier) => {
    const { nonce, deadline } = needed(once)
    const signature = needed(earlier['sign'])
    return carryOut(
      env,
      { kind: 'close', body: { leaseId, to, nonce, deadline, signature } },
      {
        address: env.runtime.config.leaseMandates,
        abi: leaseMandatesAbi,
        functionName: 'closeBySig',
        args: [leaseId, to, nonce, deadline, signature],
      },
    )
  },
}

export const closeFlow: Flow<CloseParams> = {
  kind: 'close',
  steps: ({ once }) => (once === undefined ? [close] : [signClose, closeSponsored]),
}

/** `target`: what the lease will hold once topped up; tells after a reload whether it happened. µUSDC. */
export type TopUpParams = {
  leaseId: Hex
  amount: bigint
  target: bigint
  payer: Address
  fromBalance: boolean
  /** Where a sponsor offers to send it. */
  once?: Once
  /** With `once`: what the token takes signatures under; without it a wallet pays by a transaction. */
  token?: TokenDomain
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

const signTopUp: FlowStep<TopUpParams> = {
  id: 'sign',
  title: 'Sign the top-up',
  achieved: toppedUp,
  commit: async (env, { payer, leaseId, amount, once }) =>
    signTypedData(
      await signerHere(env),
      topUpMandate(env.runtime.config, { payer, leaseId, amount, ...needed(once) }),
    ),
  verify: (env, { once }) => stillGood(env, needed(once).deadline),
}

const paySponsored: FlowStep<TopUpParams> = {
  ...pay,
  meanwhile: 'Sending it for you',
  commit: (env, { payer, leaseId, amount, once }, earlier) => {
    const { nonce, deadline } = needed(once)
    const signature = needed(earlier['sign'])
    return carryOut(
      env,
      { kind: 'top-up', body: { payer, leaseId, amount, nonce, deadline, signature } },
      {
        address: env.runtime.config.leaseMandates,
        abi: leaseMandatesAbi,
        functionName: 'topUpBySig',
        args: [payer, leaseId, amount, nonce, deadline, signature],
      },
    )
  },
}

/** The same singularity under the token's names: any salt, and good until the deadline. */
const authorizationOf = ({ payer, leaseId, amount, once }: TopUpParams) => {
  const { nonce, deadline } = needed(once)
  return { payer, leaseId, amount, salt: nonce, validAfter: 0n, validBefore: deadline }
}

const authorizeTopUp: FlowStep<TopUpParams> = {
  ...signTopUp,
  title: 'Sign the payment',
  commit: async (env, params) =>
    signTypedData(
      await signerHere(env),
      topUpAuthorization(needed(params.token), env.runtime.config.leaseMandates, authorizationOf(params)),
    ),
}

const payFromWalletSponsored: FlowStep<TopUpParams> = {
  ...paySponsored,
  commit: (env, params, earlier) => {
    const payment = authorizationOf(params)
    const { payer, leaseId, amount, salt, validAfter, validBefore } = payment
    const signature = needed(earlier['sign'])
    return carryOut(
      env,
      { kind: 'top-up-from-wallet', body: { ...payment, signature } },
      {
        address: env.runtime.config.leaseMandates,
        abi: leaseMandatesAbi,
        functionName: 'topUpWithAuthorization',
        args: [payer, leaseId, amount, salt, validAfter, validBefore, signature],
      },
    )
  },
}

export const topUpFlow: Flow<TopUpParams> = {
  kind: 'top-up',
  steps: ({ fromBalance, once, token }) => {
    if (fromBalance) return once === undefined ? [pay] : [signTopUp, paySponsored]
    return once === undefined || token === undefined ? [allow, pay] : [authorizeTopUp, payFromWalletSponsored]
  },
}
