import { nodeRegistryAbi } from '@decloud/protocol/abi/index'
import { queryOptions } from '@tanstack/react-query'
import { readContract } from 'viem/actions'
import type { Runtime } from '../../../data/runtime.tsx'
import type { Said } from './said.ts'

export type NodePage = {
  /** Of the registry; null for a node that is not there. */
  agent: `0x${string}` | null
  /** Null where no keeper is configured. */
  said: Said | null
}

export const nodePageQuery = (runtime: Runtime, node: number) =>
  queryOptions({
    queryKey: ['node', runtime.config.chainId, runtime.config.nodeRegistry, node],
    refetchInterval: runtime.pollMs * 20,
    queryFn: async (): Promise<NodePage> => {
      const { client, config } = runtime
      const agent = await readContract(client, {
        address: config.nodeRegistry,
        abi: nodeRegistryAbi,
        functionName: 'agentOf',
        args: [node],
      })
      if (BigInt(agent) === 0n) return { agent: null, said: null }
      if (config.keeperUrl === undefined) return { agent, said: null }
      // Loaded on demand: the schemas of the API are of no use without a keeper.
      const { saidByNode } = await import('./said.ts')
      return { agent, said: await saidByNode(config.keeperUrl, node, config, agent) }
    },
  })
