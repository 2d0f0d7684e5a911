// Nodes with all that is said of them. They are few and asked for often: read once per change, then filtered in memory.
import { effectivePrices, pricePerHour } from '@decloud/protocol'
import { REFERENCE_GUEST } from '@decloud/protocol/wire/api'
import type { Database } from 'better-sqlite3'
import { type Hex, zeroAddress } from 'viem'
import { type Capacity, regionText } from '../../../domain/node.ts'
import { NO_RATING } from '../../../domain/review.ts'
import { isPremium } from '../../../domain/stake.ts'
import type { Market, MarketNode, NodeQuery, NodeSort } from '../../../ports/market.ts'
import { nodeTable, stakeTable, tillTable } from '../entities/node.ts'
import { ratingReader } from '../entities/reputation.ts'
import { makeBooks } from '../entities/sums.ts'
import { pageOf, placeOf } from '../pages.ts'
import type { Cell } from '../table.ts'
import type { Attested } from './attested.ts'
import type { MarketDeps } from './deps.ts'
import { idsMatching } from './search.ts'

export type NodeReads = Pick<Market, 'nodes' | 'node' | 'allNodes' | 'attestations' | 'stakes'>

const zeroOrMore = (value: bigint) => (value > 0n ? value : 0n)

// A node that lowers its capacity under what is in use has nothing free, not less than nothing.
const freeOf = (capacity: Capacity, inUse: Capacity): Capacity => ({
  pointUnits: zeroOrMore(capacity.pointUnits - inUse.pointUnits),
  memoryMiB: zeroOrMore(capacity.memoryMiB - inUse.memoryMiB),
  diskGiB: zeroOrMore(capacity.diskGiB - inUse.diskGiB),
  gpus: Math.max(capacity.gpus - inUse.gpus, 0),
})

const descending = (a: bigint, b: bigint) => (a < b ? 1 : a > b ? -1 : 0)
const mean = ({ rating: { sum, count } }: MarketNode) => (count === 0n ? 0 : Number(sum) / Number(count))

const ORDERS: Record<NodeSort, (a: MarketNode, b: MarketNode) => number> = {
  node: () => 0,
  price: (a, b) => -descending(a.referencePricePerHour ?? 0n, b.referencePricePerHour ?? 0n),
  // Unknown comes after every figure.
  uptime: (a, b) =>
    Math.sign(b.uptime.opinions) - Math.sign(a.uptime.opinions) || b.uptime.uptimeBps - a.uptime.uptimeBps,
  capacity: (a, b) => descending(a.free.pointUnits, b.free.pointUnits),
  rating: (a, b) => mean(b) - mean(a) || descending(a.rating.count, b.rating.count),
}

export const makeNodeReads = (db: Database, deps: MarketDeps, attested: Attested): NodeReads => {
  const nodes = nodeTable(db)
  const stakes = stakeTable(db)
  const tills = tillTable(db)
  const ratingOf = ratingReader(db)
  const books = makeBooks(db)
  const all = db.prepare(`SELECT ${nodes.select('n')} FROM nodes n ORDER BY n.node`).raw()
  const relayed = db
    .prepare('SELECT relay, count(*) AS used FROM nodes WHERE relay <> 0 GROUP BY relay')
    .raw()
  const stakesOn = db
    .prepare(`SELECT ${stakes.select('s')} FROM stakes s WHERE s.node = ? ORDER BY s.staker`)
    .raw()

  const readAll = (): MarketNode[] => {
    const policy = deps.policy()
    const used = new Map(relayed.all() as [number, number][])
    const uptimeOf = attested.uptimes(deps.time())
    return (all.all() as Cell[][]).map((cells) => {
      const view = nodes.read(cells)
      const { inUse, hosted, completed, credited } = books.load(view.node)
      const till = tills.get(view.node)
      const bonded = stakes.get(view.node, view.operator)?.bonded ?? 0n
      return {
        ...view,
        ...{ inUse, hosted, completed, bonded },
        payee: till?.payee ?? zeroAddress,
        earned: credited - (till?.withdrawn ?? 0n),
        free: freeOf(view.capacity, inUse),
        relayed: used.get(view.node) ?? 0,
        hasCustomPricing: Object.values(view.prices).some((price) => price !== 0n),
        referencePricePerHour:
          policy === undefined
            ? null
            : pricePerHour(REFERENCE_GUEST, effectivePrices(view.prices, policy), policy),
        rating: ratingOf('node', view.node) ?? NO_RATING,
        uptime: uptimeOf(view.node),
        isPremium: isPremium(bonded, deps.minimumStake),
      }
    })
  }

  let known: { key: string; nodes: MarketNode[]; byId: Map<number | Hex, MarketNode> } | null = null
  const sorted = new Map<NodeSort, MarketNode[]>()
  const current = () => {
    const key = deps.changeKey()
    if (known?.key === key) return known
    const nodes = readAll()
    const byId = new Map<number | Hex, MarketNode>()
    for (const node of nodes) byId.set(node.node, node).set(node.nodeId, node)
    sorted.clear()
    known = { key, nodes, byId }
    return known
  }
  const inOrder = (sort: NodeSort): readonly MarketNode[] => {
    const { nodes } = current()
    const ordered = sorted.get(sort) ?? [...nodes].sort((a, b) => ORDERS[sort](a, b) || a.node - b.node)
    sorted.set(sort, ordered)
    return ordered
  }

  return {
    allNodes: () => current().nodes,
    node: (id) => current().byId.get(typeof id === 'number' ? id : (id.toLowerCase() as Hex)),
    nodes: (query) => {
      const ordered = inOrder(query.sort ?? 'node')
      const wanted = filterOf(query, idsMatching(db, 'node_search', query.search))
      const from =
        query.cursor === undefined ? 0 : startAfter(ordered, placeOf(query.cursor, 'n')[0] as number)
      const rows: MarketNode[] = []
      for (let i = from; i < ordered.length && rows.length <= query.limit; i++) {
        if (wanted(ordered[i]!)) rows.push(ordered[i]!)
      }
      return pageOf(rows, query.limit, (row) => [row.node])
    },
    attestations: (node) => attested.of(node, deps.time()),
    stakes: (node) => (stakesOn.all(node) as Cell[][]).map((cells) => stakes.read(cells)),
  }
}

// Nodes are never taken off the list. Where a figure changed between two pages, a node may be met twice or not at all.
const startAfter = (ordered: readonly MarketNode[], node: number): number => {
  const at = ordered.findIndex((row) => row.node === node)
  return at < 0 ? ordered.length : at + 1
}

const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()

const filterOf = (query: NodeQuery, found: ReadonlySet<number> | null): ((node: MarketNode) => boolean) => {
  const { active, operator, region, maxPrice, minUptimeBps, minPointUnits, requiresGpu, premium } = query
  const tags = query.tags?.map((tag) => tag.toLowerCase()) ?? []
  const tests: ((node: MarketNode) => boolean)[] = []
  if (found !== null) tests.push((node) => found.has(node.node))
  if (active !== undefined) tests.push((node) => node.active === active)
  if (operator !== undefined) tests.push((node) => same(node.operator, operator))
  if (region !== undefined) tests.push((node) => same(regionText(node.region), region))
  if (tags.length > 0) tests.push((node) => tags.every((tag) => node.tags.includes(tag)))
  if (maxPrice !== undefined)
    tests.push(({ referencePricePerHour: price }) => price !== null && price <= maxPrice)
  if (minUptimeBps !== undefined)
    tests.push(({ uptime }) => uptime.opinions > 0 && uptime.uptimeBps >= minUptimeBps)
  if (minPointUnits !== undefined) tests.push((node) => node.free.pointUnits >= minPointUnits)
  if (requiresGpu === true) tests.push((node) => node.free.gpus > 0)
  if (premium !== undefined) tests.push((node) => node.isPremium === premium)
  return (node) => tests.every((test) => test(node))
}
