// What an operator does on chain, as calls: encoded, and said in words. Whether they are signed here is another question.
import type { Deployment, Prices } from '@decloud/protocol'
import { leaseEscrowAbi, nodeRegistryAbi, payoutsAbi } from '@decloud/protocol'
import { type Address, type ContractFunctionArgs, encodeFunctionData, type Hex } from 'viem'

export type Call = {
  /** The function of the contract. */
  readonly kind: string
  readonly to: Address
  readonly data: Hex
  /** What it does, completing "this will …". */
  readonly does: string
  /** Least gas: for calls that may have more to do when they are mined than the estimate saw. */
  readonly gas?: bigint
}

type Registration = ContractFunctionArgs<typeof nodeRegistryAbi, 'nonpayable', 'register'>[0]

/** Of one settled lease among many; twice what it takes. */
const SETTLE_GAS = 60_000n

export const registryCalls = ({ nodeRegistry: to }: Deployment) => {
  const abi = nodeRegistryAbi
  return {
    register: (registration: Registration): Call => ({
      ...{ kind: 'register', to, does: 'register this machine' },
      data: encodeFunctionData({ abi, functionName: 'register', args: [registration] }),
    }),
    setPrices: (node: number, prices: Prices): Call => ({
      ...{ kind: 'setPrices', to, does: `set the prices of node ${node}` },
      data: encodeFunctionData({ abi, functionName: 'setPrices', args: [node, prices] }),
    }),
    setCapacity: (node: number, capacity: Registration['capacity']): Call => ({
      ...{ kind: 'setCapacity', to, does: `set what node ${node} offers` },
      data: encodeFunctionData({ abi, functionName: 'setCapacity', args: [node, capacity] }),
    }),
    setProfile: (node: number, description: string, tags: readonly Hex[]): Call => ({
      ...{ kind: 'setProfile', to, does: `describe node ${node}` },
      data: encodeFunctionData({ abi, functionName: 'setProfile', args: [node, description, tags] }),
    }),
    setEndpoint: (node: number, endpoint: string): Call => ({
      ...{ kind: 'setEndpoint', to, does: `say where node ${node} is reached` },
      data: encodeFunctionData({ abi, functionName: 'setEndpoint', args: [node, endpoint] }),
    }),
    setTerms: (node: number, minCharge: number, notice: number): Call => ({
      ...{ kind: 'setTerms', to, does: `set the terms of node ${node}` },
      data: encodeFunctionData({ abi, functionName: 'setTerms', args: [node, minCharge, notice] }),
    }),
    setSealingKey: (node: number, sealingKey: Hex): Call => ({
      ...{ kind: 'setSealingKey', to, does: `set the sealing key of node ${node}` },
      data: encodeFunctionData({ abi, functionName: 'setSealingKey', args: [node, sealingKey] }),
    }),
    setActive: (node: number, active: boolean): Call => ({
      ...{ kind: 'setActive', to, does: `${active ? 'take' : 'stop taking'} new leases on node ${node}` },
      data: encodeFunctionData({ abi, functionName: 'setActive', args: [node, active] }),
    }),
  }
}

export const escrowCalls = ({ leaseEscrow: to, payouts }: Deployment) => {
  const abi = leaseEscrowAbi
  return {
    settle: (leaseIds: readonly Hex[]): Call => ({
      ...{
        kind: 'settle',
        to,
        does: `settle ${leaseIds.length} leases`,
        gas: SETTLE_GAS * BigInt(leaseIds.length),
      },
      data: encodeFunctionData({ abi, functionName: 'settle', args: [leaseIds] }),
    }),
    withdrawEarned: (node: number, recipient: Address, amount: bigint): Call => ({
      ...{ kind: 'withdrawEarned', to, does: `take out what node ${node} has earned` },
      data: encodeFunctionData({ abi, functionName: 'withdrawEarned', args: [node, recipient, amount] }),
    }),
    /** Of a node whose payee is the contract that pays out by itself. */
    withdrawPayout: (node: number, recipient: Address, amount: bigint): Call => ({
      ...{ kind: 'withdraw', to: payouts!, does: `take out what node ${node} has earned, through Payouts` },
      data: encodeFunctionData({
        abi: payoutsAbi,
        functionName: 'withdraw',
        args: [node, recipient, amount],
      }),
    }),
    withdraw: (recipient: Address, amount: bigint): Call => ({
      ...{ kind: 'withdraw', to, does: 'take out the internal balance' },
      data: encodeFunctionData({ abi, functionName: 'withdraw', args: [recipient, amount] }),
    }),
    setOperator: (node: number, operator: Address): Call => ({
      ...{ kind: 'setOperator', to, does: `let ${operator} credit and reclaim` },
      data: encodeFunctionData({ abi, functionName: 'setOperator', args: [node, operator] }),
    }),
    setOperatorOfPayout: (node: number, operator: Address): Call => ({
      ...{ kind: 'setOperator', to: payouts!, does: `let ${operator} credit and reclaim, through Payouts` },
      data: encodeFunctionData({ abi: payoutsAbi, functionName: 'setOperator', args: [node, operator] }),
    }),
  }
}
