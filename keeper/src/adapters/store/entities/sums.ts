// Rows that are sums of others: kept by differences, and gone when nothing is left in them.
import type { Database } from 'better-sqlite3'
import type { NodeBook, Share } from '../../../domain/book.ts'
import { dayOf, type Flow, type FlowKind } from '../../../domain/flow.ts'
import {
  amount,
  type Cell,
  type Columns,
  height,
  integer,
  makeTable,
  nullableBytes,
  nullableInteger,
  nullableText,
  text,
} from '../table.ts'

const NOTHING: Share = {
  credited: 0n,
  inUse: { pointUnits: 0n, memoryMiB: 0n, diskGiB: 0n, gpus: 0 },
  hosted: 0,
  completed: 0,
}

const plus = (a: Share, b: Share, sign: bigint): Share => ({
  credited: a.credited + sign * b.credited,
  inUse: {
    pointUnits: a.inUse.pointUnits + sign * b.inUse.pointUnits,
    memoryMiB: a.inUse.memoryMiB + sign * b.inUse.memoryMiB,
    diskGiB: a.inUse.diskGiB + sign * b.inUse.diskGiB,
    gpus: a.inUse.gpus + Number(sign) * b.inUse.gpus,
  },
  hosted: a.hosted + Number(sign) * b.hosted,
  completed: a.completed + Number(sign) * b.completed,
})

const isNothing = ({ credited, inUse, hosted, completed }: Share) =>
  credited === 0n &&
  hosted === 0 &&
  completed === 0 &&
  inUse.pointUnits === 0n &&
  inUse.memoryMiB === 0n &&
  inUse.diskGiB === 0n &&
  inUse.gpus === 0

type FlatBook = Omit<NodeBook, 'inUse' | 'withdrawn' | 'payee' | 'pendingPayee' | 'operator'> &
  NodeBook['inUse']

const BOOK_COLUMNS: Columns<FlatBook> = {
  node: ['node', integer],
  credited: ['credited', amount],
  pointUnits: ['point_units', amount],
  memoryMiB: ['memory_mib', amount],
  diskGiB: ['disk_gib', amount],
  gpus: ['gpus', integer],
  hosted: ['hosted', integer],
  completed: ['completed', integer],
}

/** Books of nodes, moved by what leases bring to them. Changes are gathered, and written by `flush`. */
export const makeBooks = (db: Database) => {
  const table = makeTable(db, { name: 'books', key: ['node'], columns: BOOK_COLUMNS })
  const load = (node: number): Share => {
    const row = table.get(node)
    if (row === undefined) return NOTHING
    const { credited, hosted, completed, pointUnits, memoryMiB, diskGiB, gpus } = row
    return { credited, hosted, completed, inUse: { pointUnits, memoryMiB, diskGiB, gpus } }
  }
  const open = new Map<number, Share>()
  const add = (shares: ReadonlyMap<number, Share>, sign: bigint) => {
    for (const [node, share] of shares) {
      if (!isNothing(share)) open.set(node, plus(open.get(node) ?? load(node), share, sign))
    }
  }
  return {
    load,
    move: (before: ReadonlyMap<number, Share>, after: ReadonlyMap<number, Share>) => {
      add(before, -1n)
      add(after, 1n)
    },
    flush: () => {
      for (const [node, share] of open) {
        const { inUse, ...rest } = share
        if (isNothing(share)) table.drop(node)
        else table.put({ node, ...rest, ...inUse })
      }
      open.clear()
    },
    clear: () => open.clear(),
  }
}

/** Small counters by name and id. */
export const makeCounts = (db: Database) => {
  const add = db.prepare(
    `INSERT INTO counts VALUES (?, ?, ?) ON CONFLICT (what, id) DO UPDATE SET count = count + excluded.count`,
  )
  const drop = db.prepare('DELETE FROM counts WHERE count = 0')
  const open = new Map<string, { what: string; id: number; count: number }>()
  return {
    move: (what: string, id: number, by: 1 | -1) => {
      const entry = open.get(`${what} ${id}`) ?? { what, id, count: 0 }
      entry.count += by
      open.set(`${what} ${id}`, entry)
    },
    flush: () => {
      for (const { what, id, count } of open.values()) if (count !== 0) add.run(what, id, count)
      if (open.size > 0) drop.run()
      open.clear()
    },
    clear: () => open.clear(),
  }
}

const FLOW_COLUMNS: Columns<Flow> = {
  block: ['block', height],
  logIndex: ['log_index', integer],
  part: ['part', integer],
  kind: ['kind', text<FlowKind>()],
  leaseId: ['lease_id', nullableBytes],
  node: ['node', nullableInteger],
  account: ['account', nullableText()],
  amount: ['amount', amount],
  at: ['at', integer],
}

export const flowTable = (db: Database) =>
  makeTable(db, { name: 'flows', key: ['block', 'logIndex', 'part'], columns: FLOW_COLUMNS })

export const MARKET_WIDE = -1
const FOR_EVER = -1

type FlowSum = { node: number; day: number; kind: FlowKind; amount: bigint; count: number }

const SUM_COLUMNS: Columns<FlowSum> = {
  node: ['node', integer],
  day: ['day', integer],
  kind: ['kind', text<FlowKind>()],
  amount: ['amount', amount],
  count: ['count', integer],
}

/** The movements of money, and their sums. */
export const makeFlows = (db: Database) => {
  const flows = flowTable(db)
  const sums = makeTable(db, { name: 'flow_sums', key: ['node', 'day', 'kind'], columns: SUM_COLUMNS })
  const above = db.prepare(`SELECT ${flows.select('f')} FROM flows f WHERE block >= ?`).raw()
  const dropAbove = db.prepare('DELETE FROM flows WHERE block >= ?')
  const open = new Map<string, FlowSum>()
  const sum = (flow: Flow, sign: bigint) => {
    for (const node of flow.node === null ? [MARKET_WIDE] : [MARKET_WIDE, flow.node]) {
      for (const day of [FOR_EVER, dayOf(flow)]) {
        const id = `${node} ${day} ${flow.kind}`
        const entry = open.get(id) ??
          sums.get(node, day, flow.kind) ?? { node, day, kind: flow.kind, amount: 0n, count: 0 }
        entry.amount += sign * flow.amount
        entry.count += Number(sign)
        open.set(id, entry)
      }
    }
  }
  return {
    add: (rows: readonly Flow[]) => {
      for (const flow of rows) {
        flows.put(flow)
        sum(flow, 1n)
      }
    },
    /** Takes back all of `block` and what came after it. */
    dropFrom: (block: bigint) => {
      // A SELECT must be done before its table changes.
      for (const cells of above.all(Number(block))) sum(flows.read(cells as Cell[]), -1n)
      dropAbove.run(Number(block))
    },
    flush: () => {
      for (const entry of open.values()) {
        if (entry.count === 0) sums.drop(entry.node, entry.day, entry.kind)
        else sums.put(entry)
      }
      open.clear()
    },
    clear: () => open.clear(),
  }
}
