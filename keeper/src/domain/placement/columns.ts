// The nodes again as rows of numbers in one array, so that looking at a node touches two or three lines of cache. A row is
// rewritten when its node changes and never otherwise: a placement costs the same with none and with 50,000 in place.
import {
  effectivePrices,
  MIB_PER_GIB,
  type PolicyParameters,
  type Prices,
  UNITS_PER_POINT,
} from '@decloud/protocol'
import { limitsOf, standingRefusal } from './filters.ts'
import { FULL, reputationScore, shareOf, WEIGHTS } from './score.ts'
import { makeShelves } from './shelves.ts'
import type { PlacementNode } from './types.ts'

/** lcm(12, 1024), as in pricing.ts: over it every term of a price is whole. */
export const PRICE_COMMON = 3_072

/** Where in its row each figure of a node is. */
export const CELL = {
  // Weighted score of what no request changes, and a bound of it with the room there is before any request.
  ...{ base: 0, bound: 1 },
  /** The bound with the most that its prices can add: by it the rows stand on shelves. */
  promise: 19,
  // Where it stands in the lists of regions and operators.
  ...{ region: 2, operator: 3 },
  /** See `cheapnessOf`. */
  cheapness: 4,
  // What the escrow will lend of the node at most, and what is lent.
  ...{
    unitLimit: 5,
    unitsUsed: 6,
    mibLimit: 7,
    mibUsed: 8,
    gibLimit: 9,
    gibUsed: 10,
    gpuLimit: 11,
    gpusUsed: 12,
  },
  ...{ notice: 13, minCharge: 14 },
  // Effective prices over the common denominator: of a unit, a MiB, a GiB, a GPU.
  ...{ unitPrice: 15, mibPrice: 16, gibPrice: 17, gpuPrice: 18 },
} as const
/** Cells of a row. */
export const WIDTH = 20

/** Cheapness is counted in these parts of the platform's default prices. */
export const CHEAPNESS = 32
export const DEAREST = 2 * CHEAPNESS

/** The least of price ÷ default over compute, memory, disk and GPUs, in parts, rounded down: what it costs at least. */
const cheapnessOf = (prices: Prices, { defaults }: PolicyParameters): number => {
  const parts = (price: bigint, usual: bigint) =>
    usual === 0n ? DEAREST : Number((price * BigInt(CHEAPNESS)) / usual)
  return Math.min(
    DEAREST,
    parts(prices.point, defaults.point),
    parts(prices.memoryGiB, defaults.memoryGiB),
    parts(prices.diskGiB, defaults.diskGiB),
    parts(prices.gpu, defaults.gpu),
  )
}

/** Requests that usually cost less than this, µUSDC per hour, are not covered by `mostForPrice`. */
export const LEAST_USUAL = 1_000
/**
 * The most `priceScore` can be. With c = cheapness ÷ 32 ≤ 1 the price is at least c × (usual − 1), so the score is at most
 * 1000 ÷ (1 + c × 0.999).
 */
const mostForPrice = (cheapness: number): number => {
  const parts = Math.min(cheapness, CHEAPNESS) * (LEAST_USUAL - 1)
  const whole = CHEAPNESS * LEAST_USUAL
  return Math.ceil((FULL * whole) / (whole + parts))
}

/** Numbers given to names in the order of their first coming. */
const makeNames = () => {
  const numbers = new Map<string, number>()
  return {
    of: (name: string): number => {
      const known = numbers.get(name)
      if (known !== undefined) return known
      numbers.set(name, numbers.size)
      return numbers.size - 1
    },
    known: (name: string) => numbers.get(name),
    count: () => numbers.size,
  }
}

export type Columns = ReturnType<typeof makeColumns>

export const makeColumns = () => {
  let size = 64
  let cells = new Float64Array(size * WIDTH)
  let count = 0
  const nodes: PlacementNode[] = []
  const rowOf = new Map<number, number>()
  const regions = makeNames()
  const operators = makeNames()
  const shelves = makeShelves()

  const grow = () => {
    size *= 2
    const wider = new Float64Array(size * WIDTH)
    wider.set(cells)
    cells = wider
  }
  /** Rows of nodes that can take no lease at all are left out. */
  const remove = (id: number) => {
    const row = rowOf.get(id)
    if (row === undefined) return
    count -= 1
    rowOf.delete(id)
    const last = nodes.pop()!
    shelves.remove(row, count)
    if (row === count) return
    cells.copyWithin(row * WIDTH, count * WIDTH, (count + 1) * WIDTH)
    nodes[row] = last
    rowOf.set(last.node, row)
  }
  const put = (node: PlacementNode, policy: PolicyParameters) => {
    if (standingRefusal(node) !== null) {
      remove(node.node)
      return
    }
    const row = rowOf.get(node.node) ?? count
    const isNew = row === count
    if (isNew) {
      if (count === size) grow()
      count += 1
      rowOf.set(node.node, row)
    }
    nodes[row] = node
    const at = row * WIDTH
    writePrices(cells, at, node, policy)
    writeUse(cells, at, node)
    cells[at + CELL.notice] = node.notice
    cells[at + CELL.minCharge] = node.minCharge
    const region = regions.of(node.region)
    cells[at + CELL.region] = region
    cells[at + CELL.operator] = operators.of(node.operator)
    if (isNew) shelves.insert(row, region, cells[at + CELL.promise]!)
    else shelves.move(row, region, cells[at + CELL.promise]!)
  }
  return {
    put,
    remove,
    regions,
    operators,
    shelves,
    nodes: nodes as readonly PlacementNode[],
    cells: () => cells,
    /** Only what is in use has changed. */
    touch: (node: PlacementNode) => {
      const row = rowOf.get(node.node)
      if (row === undefined) return
      nodes[row] = node
      const at = row * WIDTH
      writeUse(cells, at, node)
      shelves.move(row, cells[at + CELL.region]!, cells[at + CELL.promise]!)
    },
  }
}

const writePrices = (cells: Float64Array, at: number, node: PlacementNode, policy: PolicyParameters) => {
  const prices = effectivePrices(node.prices, policy)
  cells[at + CELL.cheapness] = cheapnessOf(prices, policy)
  cells[at + CELL.unitPrice] = Number(prices.point) * (PRICE_COMMON / Number(UNITS_PER_POINT))
  cells[at + CELL.mibPrice] = Number(prices.memoryGiB) * (PRICE_COMMON / Number(MIB_PER_GIB))
  cells[at + CELL.gibPrice] = Number(prices.diskGiB) * PRICE_COMMON
  cells[at + CELL.gpuPrice] = Number(prices.gpu) * PRICE_COMMON
}

const writeUse = (cells: Float64Array, at: number, node: PlacementNode) => {
  const limits = limitsOf(node)
  const units = Number(node.inUse.pointUnits)
  const mib = Number(node.inUse.memoryMiB)
  const gib = Number(node.inUse.diskGiB)
  cells[at + CELL.unitLimit] = limits.pointUnits
  cells[at + CELL.mibLimit] = limits.memoryMiB
  cells[at + CELL.gibLimit] = limits.diskGiB
  cells[at + CELL.gpuLimit] = limits.gpus
  cells[at + CELL.unitsUsed] = units
  cells[at + CELL.mibUsed] = mib
  cells[at + CELL.gibUsed] = gib
  cells[at + CELL.gpusUsed] = node.inUse.gpus
  const reputation = reputationScore(node.uptimeBps, node.activated, node.lapsed)
  const base = WEIGHTS.reputation * reputation + (node.online === true ? WEIGHTS.online * FULL : 0)
  const most = Math.max(
    shareOf(units, limits.pointUnits),
    shareOf(mib, limits.memoryMiB),
    shareOf(gib, limits.diskGiB),
  )
  cells[at + CELL.base] = base
  const bound = base + WEIGHTS.room * (FULL - most)
  cells[at + CELL.bound] = bound
  cells[at + CELL.promise] = bound + WEIGHTS.price * mostForPrice(cells[at + CELL.cheapness]!)
}
