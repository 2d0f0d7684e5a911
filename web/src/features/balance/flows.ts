import { leaseEscrowAbi, leaseMandatesAbi } from '@decloud/protocol/abi/index'
import { withdrawMandate } from '@decloud/protocol/mandates'
import type { Address } from 'viem'
import { readContract, signTypedData } from 'viem/actions'
import type { Flow, FlowEnv, FlowStep } from '../../flows/flow.ts'
import { included, send } from '../../flows/send.ts'
import { carryOut, needed, type Once, signerHere, stillGood } from '../../flows/sponsored.ts'

/** `left`: what stays once withdrawn; tells after a reload whether it happened. µUSDC. */
export type WithdrawParams = {
  account: Address
  amount: bigint
  left: bigint
  /** Where a sponsor offers to send it. */
  once?: Once
}

const isWithdrawn = async (env: FlowEnv, { account, left }: WithdrawParams) => {
  const balance = await readContract(env.runtime.client, {
    address: env.runtime.config.leaseEscrow,
    abi: leaseEscrowAbi,
    functionName: 'balanceOf',
    args: [account],
  })
  return balance <= left
}

const withdraw: FlowStep<WithdrawParams> = {
  id: 'withdraw',
  title: 'Withdraw to your wallet',
  achieved: isWithdrawn,
  commit: (env, { account, amount }) =>
    send(env, {
      address: env.runtime.config.leaseEscrow,
      abi: leaseEscrowAbi,
      functionName: 'withdraw',
      args: [account, amount],
    }),
  verify: (env, _, hash) => included(env, hash),
}

const signWithdrawal: FlowStep<WithdrawParams> = {
  id: 'sign',
  title: 'Sign the withdrawal',
  achieved: isWithdrawn,
  commit: async (env, { account, amount, once }) =>
    signTypedData(
      await signerHere(env),
      withdrawMandate(env.runtime.config, { account, to: account, amount, ...needed(once) }),
    ),
  verify: (env, { once }) => stillGood(env, needed(once).deadline),
}

const withdrawSponsored: FlowStep<WithdrawParams> = {
  ...withdraw,
  meanwhile: 'Sending it for you',
  commit: (env, { account, amount, once }, earlier) => {
    const { nonce, deadline } = needed(once)
    const signature = needed(earlier['sign'])
    return carryOut(
      env,
      { kind: 'withdraw', body: { account, to: account, amount, nonce, deadline, signature } },
      {
        address: env.runtime.config.leaseMandates,
        abi: leaseMandatesAbi,
        functionName: 'withdrawBySig',
        args: [account, account, amount, nonce, deadline, signature],
      },
    )
  },
}

export const withdrawFlow: Flow<WithdrawParams> = {
  kind: 'withdraw',
  steps: ({ once }) => (once === undefined ? [withdraw] : [signWithdrawal, withdrawSponsored]),
}
