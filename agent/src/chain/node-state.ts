// What the chain says of a node, all of it as of one block: what the operator decides upon.
import type { Chain } from '@decloud/chain'
import { leaseEscrowAbi, nodeRegistryAbi, type Prices, payoutsAbi, pricePolicyAbi } from '@decloud/protocol'
import {
  type Address,
  type ContractFunctionReturnType,
  type Hex,
  hexToString,
  isAddressEqual,
  zeroAddress,
} from 'viem'
import { AgentError } from '../lib/errors.ts'

type Offer = ContractFunctionReturnType<typeof nodeRegistryAbi, 'view', 'offer'>
type CapacityFacts = Offer['capacity']

export type NodeState = {
  readonly node: number
  readonly nodeId: Hex
  readonly block: { readonly number: bigint; readonly timestamp: number }
  readonly offer: Offer
  /** Of the leases on it now. */
  readonly inUse: CapacityFacts
  readonly sealingEpoch: number
  /** µUSDC per hour. Prices of zero are the platform's defaults. */
  readonly floors: Prices
  readonly defaults: Prices
  readonly hasCustomPricing: boolean
  /** Who takes the earnings out; null before the first lease. */
  readonly payee: Address | null
  /** Of a payee that is the Payouts contract: whose the earnings are. */
  readonly payoutOwner: Address | null
  /** Who may reclaim and credit; null before the first lease. */
  readonly reclaimer: Address | null
  /** Whether that is the node's agent; null before the first lease, when nobody can be let do it yet. */
  readonly entrusted: boolean | null
  /** µUSDC that can be taken out now. */
  readonly withdrawable: bigint
  /** Wei. */
  readonly gas: { readonly agent: bigint; readonly operator: bigint }
}

/** @throws AgentError `node-unregistered`; ChainError. */
export const readNodeState = async (chain: Chain, node: number): Promise<NodeState> => {
  const { leaseEscrow, nodeRegistry, payouts, pricePolicy } = chain.deployment
  const escrow = { address: leaseEscrow, abi: leaseEscrowAbi } as const
  const registry = { address: nodeRegistry, abi: nodeRegistryAbi } as const
  return chain.request('read the node', async (client) => {
    const { number: blockNumber, timestamp } = await client.getBlock()
    const at = { args: [node], blockNumber } as const
    const offer = await client.readContract({ ...registry, functionName: 'offer', ...at })
    if (isAddressEqual(offer.operator, zeroAddress)) throw unregistered(node)
    const [nodeId, inUse, [, sealingEpoch], policy, hasCustomPricing, payee, reclaimer, withdrawable] =
      await Promise.all([
        client.readContract({ ...registry, functionName: 'nodeIdOf', ...at }),
        client.readContract({ ...escrow, functionName: 'inUse', ...at }),
        client.readContract({ ...registry, functionName: 'sealingKeyOf', ...at }),
        client.readContract({
          address: pricePolicy,
          abi: pricePolicyAbi,
          functionName: 'parameters',
          blockNumber,
        }),
        client.readContract({ ...registry, functionName: 'hasCustomPricing', ...at }),
        client.readContract({ ...escrow, functionName: 'payeeOf', ...at }),
        client.readContract({ ...escrow, functionName: 'operatorOf', ...at }),
        client.readContract({ ...escrow, functionName: 'earnedOf', ...at }),
      ])
    const throughPayouts = payouts !== undefined && isAddressEqual(payee, payouts)
    const [agentGas, operatorGas, payout] = await Promise.all([
      client.getBalance({ address: offer.agent, blockNumber }),
      client.getBalance({ address: offer.operator, blockNumber }),
      throughPayouts
        ? client.readContract({ address: payouts, abi: payoutsAbi, functionName: 'payoutOf', ...at })
        : null,
    ])
    return {
      ...{ node, nodeId, offer, inUse, sealingEpoch, hasCustomPricing, withdrawable },
      ...{ block: { number: blockNumber, timestamp: Number(timestamp) } },
      ...{ floors: policy[0], defaults: policy[1] },
      ...{ payee: known(payee), reclaimer: known(reclaimer), payoutOwner: payout?.owner ?? null },
      entrusted: known(reclaimer) === null ? null : isAddressEqual(reclaimer, offer.agent),
      gas: { agent: agentGas, operator: operatorGas },
    }
  })
}

const known = (address: Address): Address | null => (isAddressEqual(address, zeroAddress) ? null : address)

const unregistered = (node: number) =>
  new AgentError('node-unregistered', `Node ${node} is not registered on this chain.`, {
    hint: 'Register it with `decloud-node register`, or correct DECLOUD_NODE.',
  })

/** Text of a word that is padded with zeros: regions and tags. */
export const wordText = (word: Hex): string => hexToString(word).replace(/\0+$/, '')
