// One search: the request turned into numbers once, then row after row from the best bound downwards.
import { BPS, type Prices } from '@decloud/protocol'
import { CELL, CHEAPNESS, type Columns, DEAREST, LEAST_USUAL, PRICE_COMMON, WIDTH } from './columns.ts'
import { judge } from './filters.ts'
import { type Asked, priceBounds, priceOf } from './needs.ts'
import { isRefusal } from './refusal.ts'
import { FULL, floorDiv, priceScore, roomAndFit, WEIGHTS } from './score.ts'
import { SPAN } from './shelves.ts'
import { tieOf, tieSeed } from './tie.ts'
import type { Moment, Needs, PlacementNode, PlacementRequest, World } from './types.ts'

/** Prices are divided by it: the common denominator, and basis points of the bandwidth multiplier. */
const DENOMINATOR = PRICE_COMMON * Number(BPS)
/** Below it sums are exact and `floorDiv` by the denominator is too. */
const EXACT = 2 ** 52
const OPERATOR_MOST = WEIGHTS.operator * FULL

type Query = {
  request: PlacementRequest
  asked: Asked
  needs: Needs
  multiplier: number
  rate: number
  usual: number
  /** By a node's cheapness: what a perfect fit at its least price would add to its bound. Falls. */
  slackOf: Float64Array
  ceilingOf(minCharge: number): number
}

const queryOf = (request: PlacementRequest, asked: Asked, { policy }: World): Query => {
  const usual = Number(asked.usualPrice)
  return {
    ...{ request, asked, needs: asked.needs, usual },
    multiplier: Number(asked.multiplierBps),
    rate: Number(asked.bandwidthRate),
    slackOf: slackFor(asked, policy.floors),
    ceilingOf: makeCeilings(request, asked),
  }
}

/**
 * No node is cheaper than the floors, and one whose every price is at least c/32 of the default
 * costs at least c/32 of what the defaults come to: `usualPrice` less the bandwidth rate, and less what was rounded up.
 */
const slackFor = (asked: Asked, floors: Prices): Float64Array => {
  const usual = Number(asked.usualPrice)
  const floor = Number(priceOf(asked, floors))
  const rate = Number(asked.bandwidthRate)
  const machine = Math.max(usual - rate - 1, 0)
  const slack = new Float64Array(DEAREST + 1)
  for (let parts = 0; parts <= DEAREST; parts++) {
    const least = usual > EXACT / DEAREST ? 0 : floorDiv(machine * parts, CHEAPNESS) + rate
    slack[parts] = WEIGHTS.fit * FULL + WEIGHTS.price * priceScore(Math.max(floor, least), usual)
  }
  return slack
}

/**
 * The greatest cost (over the denominator, before the bandwidth rate) that a node may ask, by its minimum charge:
 * `⌈cost ÷ D⌉ + rate ≤ limit` is `cost ≤ (limit − rate) × D`.
 */
const makeCeilings = (request: PlacementRequest, { bandwidthRate }: Asked) => {
  const known = new Map<number, number>()
  const ceiling = (minCharge: number): number => {
    let limit = 2n ** 64n
    for (const [, bound] of priceBounds(request, minCharge)) if (bound < limit) limit = bound
    const most = (limit - bandwidthRate) * BigInt(DENOMINATOR)
    // Beyond what is compared exactly anything passes; below zero nothing does.
    return most > BigInt(EXACT) ? EXACT : Number(most)
  }
  return (minCharge: number): number => {
    const found = known.get(minCharge) ?? ceiling(minCharge)
    known.set(minCharge, found)
    return found
  }
}

/** µUSDC per hour on the row's node, −1 where that is refused. */
const priceAt = (cells: Float64Array, row: number, query: Query, columns: Columns, world: World): number => {
  const { needs, multiplier, rate } = query
  const at = row * WIDTH
  const cost =
    (needs.pointUnits * cells[at + CELL.unitPrice]! +
      needs.memoryMiB * cells[at + CELL.mibPrice]! +
      needs.diskGiB * cells[at + CELL.gibPrice]! +
      needs.gpus * cells[at + CELL.gpuPrice]!) *
    multiplier
  // All terms are at least zero: a sum that stayed below 2⁵² was exact at every step.
  if (cost < EXACT) {
    if (cost > query.ceilingOf(cells[at + CELL.minCharge]!)) return -1
    return floorDiv(cost + DENOMINATOR - 1, DENOMINATOR) + rate || -1
  }
  const verdict = judge(columns.nodes[row]!, query.request, query.asked, world.policy)
  return isRefusal(verdict) ? -1 : Number(verdict.price)
}

const hasRoom = (cells: Float64Array, at: number, { pointUnits, memoryMiB, diskGiB, gpus }: Needs): boolean =>
  pointUnits <= cells[at + CELL.unitLimit]! - cells[at + CELL.unitsUsed]! &&
  memoryMiB <= cells[at + CELL.mibLimit]! - cells[at + CELL.mibUsed]! &&
  diskGiB <= cells[at + CELL.gibLimit]! - cells[at + CELL.gibUsed]! &&
  (gpus === 0 || gpus <= cells[at + CELL.gpuLimit]! - cells[at + CELL.gpusUsed]!)

const isWanted = (node: PlacementNode, { tags, avoid }: PlacementRequest): boolean =>
  (tags.length === 0 || tags.every((tag) => node.tags.includes(tag))) &&
  (avoid.length === 0 || !avoid.includes(node.node))

/**
 * The score without what the region and the operator add, −1 for a node that a filter refuses, or that cannot come to
 * `least` any more.
 */
const scoreAt = (
  cells: Float64Array,
  row: number,
  query: Query,
  columns: Columns,
  world: World,
  least: number,
): number => {
  const { needs, request } = query
  const at = row * WIDTH
  if (!hasRoom(cells, at, needs) || cells[at + CELL.notice]! < request.terms.minNotice) return -1
  const price = priceAt(cells, row, query, columns, world)
  if (price < 0) return -1
  const wanted = WEIGHTS.price * priceScore(price, query.usual)
  if (cells[at + CELL.bound]! + wanted + WEIGHTS.fit * FULL < least) return -1
  if (!isWanted(columns.nodes[row]!, request)) return -1
  const used = {
    pointUnits: cells[at + CELL.unitsUsed]!,
    memoryMiB: cells[at + CELL.mibUsed]!,
    diskGiB: cells[at + CELL.gibUsed]!,
  }
  const limits = {
    pointUnits: cells[at + CELL.unitLimit]!,
    memoryMiB: cells[at + CELL.mibLimit]!,
    diskGiB: cells[at + CELL.gibLimit]!,
    gpus: cells[at + CELL.gpuLimit]!,
  }
  const [room, fit] = roomAndFit(needs, used, limits)
  return cells[at + CELL.base]! + WEIGHTS.room * room + WEIGHTS.fit * fit + wanted
}

/** Weighted scores of regions and operators, by the numbers that the columns give them. */
export type Around = { regions: Float64Array; operators: Float64Array }

/** @returns the row of the best node, −1 when none passes. */
export const search = (
  columns: Columns,
  world: World,
  request: PlacementRequest,
  asked: Asked,
  { regions, operators }: Around,
  moment: Moment,
): number => {
  const query = queryOf(request, asked, world)
  const seed = tieSeed(moment.blockHash, request.leaseId)
  const cells = columns.cells()
  const { shelves, nodes } = columns
  // What a perfect fit adds to a promise, and the full score for the price where the promise does not cover it.
  const slack = WEIGHTS.fit * FULL + (query.usual < LEAST_USUAL ? WEIGHTS.price * FULL : 0)
  const best = { row: -1, total: -1, tie: 0 }
  const consider = (row: number, here: number) => {
    const at = row * WIDTH
    const around = here + operators[cells[at + CELL.operator]!]!
    const most = cells[at + CELL.bound]! + around + query.slackOf[cells[at + CELL.cheapness]!]!
    if (most < best.total) return
    const score = scoreAt(cells, row, query, columns, world, best.total - around)
    const total = score + around
    if (score < 0 || total < best.total) return
    const { node } = nodes[row]!
    const tie = tieOf(seed, node)
    const isBehind = tie < best.tie || (tie === best.tie && best.row >= 0 && node > nodes[best.row]!.node)
    if (total === best.total && isBehind) return
    best.row = row
    best.total = total
    best.tie = tie
  }
  const walk = (region: number) => {
    const here = regions[region]!
    const shelvesHere = shelves.of(region)
    for (let shelf = shelves.top(region); shelf >= 0; shelf--) {
      if ((shelf + 1) * SPAN - 1 + here + OPERATOR_MOST + slack < best.total) return
      for (const row of shelvesHere[shelf]!) consider(row, here)
    }
  }
  for (const region of regionsFor(columns, request, regions)) walk(region)
  return best.row
}

/** The region that is wanted; or all, the most promising one first, so that the others can be left early. */
const regionsFor = (columns: Columns, { terms }: PlacementRequest, scores: Float64Array): number[] => {
  if (BigInt(terms.region) !== 0n) {
    const wanted = columns.regions.known(terms.region.toLowerCase())
    return wanted === undefined ? [] : [wanted]
  }
  const promise = (region: number) => columns.shelves.top(region) * SPAN + scores[region]!
  const all = Array.from({ length: columns.regions.count() }, (_, region) => region)
  let first = 0
  for (const region of all) if (promise(region) > promise(first)) first = region
  if (all.length > 0) [all[0], all[first]] = [all[first]!, all[0]!]
  return all
}
