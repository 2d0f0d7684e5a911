import { leaseEscrowAbi, nodeRegistryAbi, pricePolicyAbi } from '@decloud/protocol/abi/index'
import { makeLogDecoder } from '@decloud/protocol/events'
import { effectivePrices, type PolicyParameters, type Prices } from '@decloud/protocol/pricing'
import { queryOptions } from '@tanstack/react-query'
import { type Hex, numberToHex, toEventSelector } from 'viem'
import { readContract } from 'viem/actions'
import { scanLogs } from '../../../data/logs.ts'
import type { Runtime } from '../../../data/runtime.tsx'
import type { Capacity } from '../capacity.ts'

/** Nodes read in one look. Past that a list needs an index, which is a keeper's job. */
const MAX_NODES = 500

export type NodeOffer = {
  node: number
  nodeId: Hex
  active: boolean
  region: Hex
  /** Seconds. */
  minCharge: number
  notice: number
  capacity: Capacity
  inUse: Capacity
  /** What a lease is priced with: the node's own vector or the default, at least the floor. */
  prices: Prices
  hasCustomPricing: boolean
  sealing: { publicKey: Hex; epoch: number }
}

const scope = (runtime: Runtime) => [runtime.config.chainId, runtime.config.nodeRegistry] as const

export const nodesQuery = (runtime: Runtime) =>
  queryOptions({
    queryKey: ['nodes', ...scope(runtime)],
    queryFn: async () => {
      const { client, config } = runtime
      const [count, policy] = await Promise.all([
        readContract(client, {
          address: config.nodeRegistry,
          abi: nodeRegistryAbi,
          functionName: 'nodeCount',
        }),
        readPolicy(runtime),
      ])
      const indices = Array.from({ length: Math.min(count, MAX_NODES) }, (_, i) => i + 1)
      const nodes = await Promise.all(indices.map((node) => readNode(runtime, node, policy)))
      return { nodes, total: count, policy }
    },
    refetchInterval: runtime.pollMs * 5,
  })

/** The newest endpoint that a node announced; null when it announced none. */
export const endpointQuery = (runtime: Runtime, node: number) =>
  queryOptions({
    queryKey: ['endpoint', ...scope(runtime), node],
    enabled: node > 0,
    staleTime: 60_000,
    queryFn: async (): Promise<string | null> => {
      const logs = await scanLogs(runtime, {
        address: runtime.config.nodeRegistry,
        topics: [ENDPOINT_EVENTS, numberToHex(node, { size: 32 })],
      })
      const decode = makeLogDecoder(runtime.config)
      return logs.reduce<string | null>((endpoint, log) => {
        const event = decode(log)
        if (event?.name === 'NodeRegistered') return event.args.registration.endpoint
        return event?.name === 'EndpointChanged' ? event.args.endpoint : endpoint
      }, null)
    },
  })

const ENDPOINT_EVENTS = nodeRegistryAbi
  .filter((item) => item.type === 'event')
  .filter((event) => event.name === 'NodeRegistered' || event.name === 'EndpointChanged')
  .map((event) => toEventSelector(event))

const readPolicy = async (runtime: Runtime): Promise<PolicyParameters> => {
  const [floors, defaults, unitsPerVcpu, bandwidthMultiplierBps, bandwidthRates, platformBps] =
    await readContract(runtime.client, {
      address: runtime.config.pricePolicy,
      abi: pricePolicyAbi,
      functionName: 'parameters',
    })
  return {
    floors,
    defaults,
    unitsPerVcpu: unitsPerVcpu.map(BigInt),
    bandwidthMultiplierBps: bandwidthMultiplierBps.map(BigInt),
    bandwidthRates: bandwidthRates.map(BigInt),
    platformBps: BigInt(platformBps),
  }
}

const readNode = async (runtime: Runtime, node: number, policy: PolicyParameters): Promise<NodeOffer> => {
  const { client, config } = runtime
  const registry = { address: config.nodeRegistry, abi: nodeRegistryAbi } as const
  const [offer, nodeId, sealing, inUse] = await Promise.all([
    readContract(client, { ...registry, functionName: 'offer', args: [node] }),
    readContract(client, { ...registry, functionName: 'nodeIdOf', args: [node] }),
    readContract(client, { ...registry, functionName: 'sealingKeyOf', args: [node] }),
    readContract(client, {
      address: config.leaseEscrow,
      abi: leaseEscrowAbi,
      functionName: 'inUse',
      args: [node],
    }),
  ])
  const own = offer.prices
  return {
    node,
    nodeId,
    active: offer.active,
    region: offer.region,
    minCharge: offer.minCharge,
    notice: offer.notice,
    capacity: offer.capacity,
    inUse,
    prices: effectivePrices(own, policy),
    hasCustomPricing: own.point + own.memoryGiB + own.diskGiB + own.gpu > 0n,
    sealing: { publicKey: sealing[0], epoch: sealing[1] },
  }
}
