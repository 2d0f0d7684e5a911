import { type PolicyParameters, pricePerHour, type Resources } from '@decloud/protocol/pricing'
import { regionName } from '../../data/format.ts'
import { freeOf } from './capacity.ts'
import type { NodeOffer } from './queries/nodes.ts'

/** What the list's prices are quoted for, so that nodes can be compared. */
export const REFERENCE: Resources = {
  vcpus: 1,
  tier: 1,
  bandwidth: 1,
  gpus: 0,
  memoryMiB: 2_048,
  diskGiB: 20,
}

export const SORTS = ['price', 'capacity', 'region'] as const
export type Sort = (typeof SORTS)[number]

export const priceOf = (node: NodeOffer, policy: PolicyParameters): bigint =>
  pricePerHour(REFERENCE, node.prices, policy)

/** Draining nodes go last whatever the order; ties keep the order of registration. */
export const arrange = (
  nodes: readonly NodeOffer[],
  policy: PolicyParameters,
  sort: Sort,
  search: string,
): NodeOffer[] => {
  const wanted = search.trim().toLowerCase()
  return nodes
    .filter((node) => wanted === '' || words(node).includes(wanted))
    .toSorted((a, b) => Number(b.active) - Number(a.active) || compare(a, b, policy, sort) || a.node - b.node)
}

const words = (node: NodeOffer) =>
  `node ${node.node} #${node.node} ${regionName(node.region)} ${node.nodeId}`.toLowerCase()

const compare = (a: NodeOffer, b: NodeOffer, policy: PolicyParameters, sort: Sort): number => {
  if (sort === 'price') return order(priceOf(a, policy), priceOf(b, policy))
  if (sort === 'capacity') return order(freeOf(b).pointUnits, freeOf(a).pointUnits)
  return regionName(a.region).localeCompare(regionName(b.region))
}

const order = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0)
