// What the node offers, as the chain has it: read again when it is a minute old, kept while the chain cannot be read.
import type { Chain } from '@decloud/chain'
import { nodeRegistryAbi, pricePolicyAbi } from '@decloud/protocol'
import type { NodeOffer } from '../reconcile/resources.ts'

const FRESH_MS = 60_000

/** @throws ChainError only while it has never been read. */
export const makeNodeOffer = (
  chain: Chain,
  node: number,
  nowMs: () => number,
): (() => Promise<NodeOffer>) => {
  let known: { offer: NodeOffer; atMs: number } | null = null
  return async () => {
    if (known !== null && Math.abs(nowMs() - known.atMs) < FRESH_MS) return known.offer
    try {
      known = { offer: await readOffer(chain, node), atMs: nowMs() }
    } catch (error) {
      if (known === null) throw error
    }
    return known.offer
  }
}

const readOffer = (chain: Chain, node: number): Promise<NodeOffer> =>
  chain.request('read what this node offers', async (client) => {
    const { nodeRegistry, pricePolicy } = chain.deployment
    const [{ capacity }, [, , unitsPerVcpu]] = await Promise.all([
      client.readContract({
        address: nodeRegistry,
        abi: nodeRegistryAbi,
        functionName: 'offer',
        args: [node],
      }),
      client.readContract({ address: pricePolicy, abi: pricePolicyAbi, functionName: 'parameters' }),
    ])
    return {
      offered: {
        // uint32 and uint40 in the registry: exact as numbers.
        pointUnits: Number(capacity.pointUnits),
        memoryMiB: Number(capacity.memoryMiB),
        diskGiB: Number(capacity.diskGiB),
        gpus: capacity.gpus,
      },
      unitsPerVcpu: unitsPerVcpu.map(Number),
    }
  })
