import { DecloudError, type LeaseView, type PolicyParameters } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import type { Address } from 'viem'
import type { NodeView } from '../../domain/node.ts'
import { fromJson } from '../../lib/json.ts'
import type { LeaseFilter, LeasePage, Ledger, NodeRow } from '../../ports/ledger.ts'

type ViewRow = { view: string }
type UseRow = { units: number | null; memory: number | null; disk: number | null; gpus: number | null }

const lease = (row: ViewRow) => fromJson<LeaseView>(row.view)

/** Reads of the tables that the projector writes, on the same database. */
export const makeLedger = (db: Database): Ledger => {
  const use = db.prepare(
    `SELECT sum(point_units) AS units, sum(memory_mib) AS memory, sum(disk_gib) AS disk, sum(gpus) AS gpus
     FROM leases WHERE node = ? AND live = 1`,
  )
  const earnedRow = db.prepare('SELECT credited, withdrawn FROM earnings WHERE node = ?')
  const earnedOf = (node: number): bigint => {
    const row = earnedRow.get(node) as { credited: string; withdrawn: string } | undefined
    return row === undefined ? 0n : BigInt(row.credited) - BigInt(row.withdrawn)
  }
  const nodeRow = ({ view }: ViewRow): NodeRow => {
    const node = fromJson<NodeView>(view)
    const { units, memory, disk, gpus } = use.get(node.node) as UseRow
    const inUse = {
      pointUnits: BigInt(units ?? 0),
      memoryMiB: BigInt(memory ?? 0),
      diskGiB: BigInt(disk ?? 0),
      gpus: gpus ?? 0,
    }
    return { ...node, inUse, earned: earnedOf(node.node) }
  }
  return {
    nodes: () => (db.prepare('SELECT view FROM nodes ORDER BY node').all() as ViewRow[]).map(nodeRow),
    node: (id) => {
      const column = typeof id === 'number' ? 'node' : 'node_id'
      const key = typeof id === 'number' ? id : id.toLowerCase()
      const row = db.prepare(`SELECT view FROM nodes WHERE ${column} = ?`).get(key) as ViewRow | undefined
      return row === undefined ? undefined : nodeRow(row)
    },
    leases: (filter) => selectLeases(db, filter),
    lease: (leaseId) => {
      const row = db.prepare('SELECT view FROM leases WHERE lease_id = ?').get(leaseId.toLowerCase())
      return row === undefined ? undefined : lease(row as ViewRow)
    },
    openLeases: () => (db.prepare('SELECT view FROM leases WHERE open = 1').all() as ViewRow[]).map(lease),
    allLeases: () =>
      (db.prepare('SELECT view FROM leases ORDER BY requested_at, lease_id').all() as ViewRow[]).map(lease),
    accounts: () =>
      (
        db.prepare('SELECT account, balance FROM accounts').all() as { account: string; balance: string }[]
      ).map(
        // Written by the projector from decoded addresses.
        (row) => ({ account: row.account as Address, balance: BigInt(row.balance) }),
      ),
    balanceOf: (account) => {
      const row = db.prepare('SELECT balance FROM accounts WHERE account = ?').get(account.toLowerCase())
      return BigInt((row as { balance: string } | undefined)?.balance ?? '0')
    },
    earned: () =>
      (db.prepare('SELECT node FROM earnings ORDER BY node').all() as { node: number }[]).map(({ node }) => ({
        node,
        earned: earnedOf(node),
      })),
    policy: () => {
      const row = db.prepare('SELECT view FROM policy').get() as ViewRow | undefined
      return row === undefined ? undefined : fromJson<PolicyParameters>(row.view)
    },
  }
}

const selectLeases = (db: Database, filter: LeaseFilter): LeasePage => {
  const where = ['1']
  if (filter.tenant !== undefined) where.push('tenant = @tenant')
  if (filter.node !== undefined) where.push('node = @node')
  if (filter.status !== undefined) where.push('status = @status')
  const after = filter.cursor === undefined ? undefined : parseCursor(filter.cursor)
  if (after !== undefined) where.push('(requested_at, lease_id) < (@block, @leaseId)')
  const rows = db
    .prepare(
      `SELECT view FROM leases WHERE ${where.join(' AND ')}
       ORDER BY requested_at DESC, lease_id DESC LIMIT @limit`,
    )
    .all({
      tenant: filter.tenant?.toLowerCase() ?? null,
      node: filter.node ?? null,
      status: filter.status ?? null,
      limit: filter.limit + 1,
      ...(after ?? { block: null, leaseId: null }),
    }) as ViewRow[]
  const leases = rows.slice(0, filter.limit).map(lease)
  const last = leases.at(-1)
  const next = rows.length > filter.limit && last !== undefined ? cursorOf(last) : null
  return { leases, next }
}

// Opaque to clients: the place of the last lease of the page.
const cursorOf = (last: LeaseView) =>
  Buffer.from(`${last.requestedAtBlock}:${last.leaseId}`).toString('base64url')

const parseCursor = (cursor: string) => {
  const match = /^(\d{1,15}):(0x[0-9a-f]{64})$/.exec(Buffer.from(cursor, 'base64url').toString('utf8'))
  if (match === null) {
    throw new DecloudError('cursor-invalid', 'The cursor is not one of ours.', {
      hint: 'Use `next` of the page before, or leave it out.',
    })
  }
  return { block: Number(match[1]), leaseId: match[2] }
}
