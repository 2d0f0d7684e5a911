// The marketplace of nodes: which of them a query shows, in which order, and which are featured.
import { UNITS_PER_POINT } from '@decloud/protocol'
import type { MarketNode } from '../ports/market.ts'
import { isFeaturable } from './badges.ts'
import type { Place } from './keyset.ts'
import { regionText } from './node.ts'

/** A node with what this keeper heard of it. */
export type ListedNode = MarketNode & {
  online: boolean | null
  heardBps: number | null
}

export type NodeFilter = {
  region?: string | undefined
  tags?: readonly string[] | undefined
  maxPrice?: bigint | undefined
  minUptimePercent?: number | undefined
  minPoints?: number | undefined
  requiresGpu?: boolean | undefined
  online?: boolean | undefined
  active?: boolean | undefined
  operator?: string | undefined
}
export type NodeOrder = 'price' | 'uptime' | 'capacity' | 'rating'

const FEATURED = 10
const BPS_PER_PERCENT = 100

/** Attested on chain where attesters have an opinion, else as it was heard; `null` when nobody knows. Basis points. */
export const uptimeOf = ({ uptime, heardBps }: ListedNode): number | null =>
  uptime.opinions > 0 ? uptime.uptimeBps : heardBps

export const matches = (node: ListedNode, filter: NodeFilter): boolean => {
  const { region, tags, maxPrice, minUptimePercent, minPoints, requiresGpu, online, active, operator } =
    filter
  const price = node.referencePricePerHour
  return (
    (region === undefined || regionText(node.region) === region) &&
    (tags === undefined || tags.every((tag) => node.tags.includes(tag))) &&
    (maxPrice === undefined || (price !== null && price <= maxPrice)) &&
    (minUptimePercent === undefined || (uptimeOf(node) ?? -1) >= minUptimePercent * BPS_PER_PERCENT) &&
    (minPoints === undefined || node.free.pointUnits >= BigInt(minPoints) * UNITS_PER_POINT) &&
    (requiresGpu === undefined || node.free.gpus > 0 === requiresGpu) &&
    (online === undefined || node.online === online) &&
    (active === undefined || node.active === active) &&
    (operator === undefined || node.operator.toLowerCase() === operator.toLowerCase())
  )
}

const RATING_SCALE = 10_000n
const RANK: Readonly<Record<NodeOrder, (node: ListedNode) => bigint>> = {
  price: (node) => node.referencePricePerHour ?? 2n ** 64n,
  uptime: (node) => -BigInt(uptimeOf(node) ?? -1),
  capacity: (node) => -node.free.pointUnits,
  rating: ({ rating }) => (rating.count === 0n ? 1n : -((rating.sum * RATING_SCALE) / rating.count)),
}

/** Premium nodes lead among equals. */
export const placeIn =
  (order: NodeOrder) =>
  (node: ListedNode): Place => ({
    rank: RANK[order](node) * 2n + (node.isPremium ? 0n : 1n),
    id: node.node,
  })

/** Online, up at least 95 % of the time, described, with something free; premium first, then by free capacity × uptime. */
export const featured = (nodes: readonly ListedNode[]): ListedNode[] => {
  const worth = (node: ListedNode) => node.free.pointUnits * BigInt(uptimeOf(node) ?? 0)
  return nodes
    .filter((node) => isFeaturable({ ...node, online: node.online ?? 'unknown', uptimeBps: uptimeOf(node) }))
    .sort((a, b) => {
      if (a.isPremium !== b.isPremium) return a.isPremium ? -1 : 1
      const [x, y] = [worth(a), worth(b)]
      return x === y ? a.node - b.node : x > y ? -1 : 1
    })
    .slice(0, FEATURED)
}
