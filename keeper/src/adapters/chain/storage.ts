// Contract storage at one block, in the shapes of the ledger.
import type { Chain, RpcClient } from '@decloud/chain'
import {
  END_REASONS,
  LEASE_STATUSES,
  leaseEscrowAbi,
  nodeRegistryAbi,
  type Prices,
  pricePolicyAbi,
} from '@decloud/protocol'
import type { Address, Hex } from 'viem'
import type { Capacity } from '../../domain/node.ts'
import type { ContractStorage, Questions, StoredPolicy } from '../../ports/storage.ts'

// Requests of one round trip; keeps a large ledger from becoming one enormous burst.
const CHUNK = 100

const inChunks = async <item, result>(items: readonly item[], read: (item: item) => Promise<result>) => {
  const results: result[] = []
  for (let i = 0; i < items.length; i += CHUNK) {
    results.push(...(await Promise.all(items.slice(i, i + CHUNK).map(read))))
  }
  return results
}

/**
 * @param at a height and the hash it must have, before and after: otherwise the answers would mix two chains.
 * @returns `null` when the block at that height is another one by now.
 * @throws ChainError when the RPC fails or has no state for that block.
 */
export const makeContractStorage = (chain: Chain): ContractStorage => {
  const { leaseEscrow, nodeRegistry, pricePolicy } = chain.deployment
  return {
    readAt: (at, questions) =>
      chain.request('read contract storage', async (client) => {
        const blockNumber = at.height
        const holds = async () => (await client.getBlock({ blockNumber })).hash === at.hash
        if (!(await holds())) return null
        const answers = {
          leases: await inChunks(questions.leases, (id) => readLease(client, leaseEscrow, id, blockNumber)),
          ...(await readNodes(client, nodeRegistry, leaseEscrow, questions, blockNumber)),
          balances: await inChunks(questions.accounts, async (account) => ({
            account,
            balance: await client.readContract({
              ...{ address: leaseEscrow, abi: leaseEscrowAbi, blockNumber },
              functionName: 'balanceOf',
              args: [account],
            }),
          })),
          policy: await readPolicy(client, pricePolicy, blockNumber),
        }
        return (await holds()) ? answers : null
      }),
  }
}

const readLease = async (client: RpcClient, address: Address, leaseId: Hex, blockNumber: bigint) => {
  const lease = await client.readContract({
    ...{ address, abi: leaseEscrowAbi, blockNumber },
    functionName: 'leaseOf',
    args: [leaseId],
  })
  return {
    ...lease,
    leaseId,
    status: LEASE_STATUSES[lease.status] ?? 'None',
    endReason: END_REASONS[lease.endReason] ?? 'None',
  }
}

const readNodes = async (
  client: RpcClient,
  registry: Address,
  escrow: Address,
  questions: Questions,
  blockNumber: bigint,
) => {
  const inRegistry = { address: registry, abi: nodeRegistryAbi, blockNumber } as const
  const inEscrow = { address: escrow, abi: leaseEscrowAbi, blockNumber } as const
  const nodeCount = await client.readContract({ ...inRegistry, functionName: 'nodeCount' })
  // Every node the registry knows, not only those in the ledger: the difference goes both ways.
  const indices = Array.from({ length: nodeCount }, (_, i) => i + 1)
  const nodes = await inChunks(indices, async (node) => {
    const args = [node] as const
    const [offer, nodeId, [sealingKey, sealingKeyEpoch], inUse, [relayCapacity]] = await Promise.all([
      client.readContract({ ...inRegistry, functionName: 'offer', args }),
      client.readContract({ ...inRegistry, functionName: 'nodeIdOf', args }),
      client.readContract({ ...inRegistry, functionName: 'sealingKeyOf', args }),
      client.readContract({ ...inEscrow, functionName: 'inUse', args }),
      client.readContract({ ...inRegistry, functionName: 'relayOfferOf', args }),
    ])
    const { relayBps: _, ...stored } = offer
    const sealed = { sealingKey, sealingKeyEpoch }
    return { ...stored, ...sealed, node, nodeId, relayCapacity, inUse: inUse satisfies Capacity }
  })
  const earned = await inChunks([...new Set([0, ...indices, ...questions.earners])], async (node) => ({
    node,
    earned: await client.readContract({ ...inEscrow, functionName: 'earnedOf', args: [node] }),
  }))
  return { nodes, earned }
}

const readPolicy = async (
  client: RpcClient,
  address: Address,
  blockNumber: bigint,
): Promise<StoredPolicy> => {
  const [floors, defaults, units, multipliers, rates, platformBps] = await client.readContract({
    ...{ address, abi: pricePolicyAbi, blockNumber },
    functionName: 'parameters',
  })
  return {
    floors: floors satisfies Prices,
    defaults: defaults satisfies Prices,
    unitsPerVcpu: units.map(BigInt),
    bandwidthMultiplierBps: multipliers.map(BigInt),
    bandwidthRates: rates.map(BigInt),
    platformBps: BigInt(platformBps),
  }
}
