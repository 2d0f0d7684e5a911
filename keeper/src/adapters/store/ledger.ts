// Reads of leases, nodes and money, from the tables that the projector writes, on the same database.
import type { LeaseView } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import type { LeaseFilter, LeasePage, Ledger, NodeRow } from '../../ports/ledger.ts'
import { leaseTables } from './entities/lease.ts'
import { accountTable, policyTable } from './entities/market.ts'
import { nodeTable } from './entities/node.ts'
import { makeBooks } from './entities/sums.ts'
import { cursorOf, placeOf } from './pages.ts'
import type { Cell } from './table.ts'

export const makeLedger = (db: Database): Ledger => {
  const leases = makeLeaseReader(db)
  const nodes = nodeTable(db)
  const accounts = accountTable(db)
  const policies = policyTable(db)
  const books = makeBooks(db)
  const allNodes = db.prepare(`SELECT ${nodes.select('n')} FROM nodes n ORDER BY n.node`).raw()
  const nodeById = db.prepare(`SELECT ${nodes.select('n')} FROM nodes n WHERE n.node_id = ?`).raw()
  const withdrawnBy = db.prepare('SELECT withdrawn FROM tills WHERE node = ?').pluck()
  const earners = db.prepare('SELECT node FROM books UNION SELECT node FROM tills ORDER BY node').pluck()
  const allAccounts = db.prepare(`SELECT ${accounts.select('a')} FROM accounts a ORDER BY account`).raw()
  const newestPolicy = db
    .prepare(`SELECT ${policies.select('p')} FROM policies p ORDER BY block DESC, log_index DESC LIMIT 1`)
    .raw()
  const earnedOf = (node: number): bigint =>
    books.load(node).credited - BigInt((withdrawnBy.get(node) as string | undefined) ?? '0')
  const nodeRow = (cells: Cell[]): NodeRow => {
    const node = nodes.read(cells)
    return { ...node, inUse: books.load(node.node).inUse, earned: earnedOf(node.node) }
  }
  return {
    nodes: () => (allNodes.all() as Cell[][]).map(nodeRow),
    node: (id) => {
      const node = typeof id === 'number' ? nodes.get(id) : undefined
      if (node !== undefined)
        return { ...node, inUse: books.load(node.node).inUse, earned: earnedOf(node.node) }
      const cells = typeof id === 'string' ? nodeById.get(id.toLowerCase()) : undefined
      return cells === undefined ? undefined : nodeRow(cells as Cell[])
    },
    ...leases,
    accounts: () => (allAccounts.all() as Cell[][]).map((cells) => accounts.read(cells)),
    balanceOf: (account) => accounts.get(account)?.balance ?? 0n,
    earned: () => (earners.all() as number[]).map((node) => ({ node, earned: earnedOf(node) })),
    policy: () => {
      const cells = newestPolicy.get() as Cell[] | undefined
      return cells && policies.read(cells).policy
    },
  }
}

type LeaseReads = Pick<Ledger, 'leases' | 'lease' | 'openLeases' | 'allLeases'>

const makeLeaseReader = (db: Database): LeaseReads => {
  const { leases, openings } = leaseTables(db)
  const joined = `SELECT ${leases.select('l')}, ${openings.select('o')}
    FROM leases l JOIN lease_openings o ON o.lease_id = l.lease_id`
  const view = (cells: readonly Cell[]): LeaseView => {
    const { pointUnits: _, open: __, ...rest } = leases.read(cells)
    const { terms, manifest } = openings.read(cells, leases.width)
    return { ...rest, terms, manifest }
  }
  const one = db.prepare(`${joined} WHERE l.lease_id = ?`).raw()
  const open = db.prepare(`${joined} WHERE l.open = 1 ORDER BY l.lease_id`).raw()
  const all = db.prepare(`${joined} ORDER BY l.requested_at, l.lease_id`).raw()
  const select = (filter: LeaseFilter): LeasePage => {
    const where = ['1']
    if (filter.tenant !== undefined) where.push('l.tenant = @tenant')
    if (filter.node !== undefined) where.push('l.node = @node')
    if (filter.status !== undefined) where.push('l.status = @status')
    const [block = null, leaseId = null] = filter.cursor === undefined ? [] : placeOf(filter.cursor, 'ns')
    if (block !== null) where.push('(l.requested_at, l.lease_id) < (@block, @leaseId)')
    const rows = db
      .prepare(
        `${joined} WHERE ${where.join(' AND ')} ORDER BY l.requested_at DESC, l.lease_id DESC LIMIT @limit`,
      )
      .raw()
      .all({
        tenant: filter.tenant ?? null,
        node: filter.node ?? null,
        status: filter.status ?? null,
        limit: filter.limit + 1,
        ...{ block, leaseId },
      }) as Cell[][]
    const page = rows.slice(0, filter.limit).map(view)
    const last = page.at(-1)
    const more = rows.length > filter.limit && last !== undefined
    return { leases: page, next: more ? cursorOf([Number(last.requestedAtBlock), last.leaseId]) : null }
  }
  return {
    leases: select,
    lease: (leaseId) => {
      const cells = one.get(leaseId.toLowerCase()) as Cell[] | undefined
      return cells && view(cells)
    },
    openLeases: () => (open.all() as Cell[][]).map(view),
    allLeases: () => (all.all() as Cell[][]).map(view),
  }
}
