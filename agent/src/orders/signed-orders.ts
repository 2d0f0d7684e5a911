// The orders that came with a signature: of each lease the newest of each kind, on disk before it is acknowledged.
import { migrate } from '@decloud/chain'
import { ORDER_ACTIONS, type OrderAction } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import { type Address, type Hex, isHex } from 'viem'
import { z } from 'zod'

/** Append-only: a step that has shipped never changes. Times are Unix milliseconds. */
const SCHEMA: readonly string[] = [
  `CREATE TABLE signed_orders (
     leaseId TEXT NOT NULL, action TEXT NOT NULL,
     issuedAt INTEGER NOT NULL, signer TEXT NOT NULL, receivedMs INTEGER NOT NULL,
     PRIMARY KEY (leaseId, action)
   ) STRICT`,
  'ALTER TABLE signed_orders ADD COLUMN fromLease TEXT',
]

type SignedOrder = {
  readonly leaseId: Hex
  readonly action: OrderAction
  /** Of a Restore: the ended lease whose disk is meant; null for its own. */
  readonly from: Hex | null
  /** Unix ms. */
  readonly issuedAt: number
  readonly signer: Address
  readonly receivedMs: number
}

export interface SignedOrders {
  of(leaseId: Hex): readonly Pick<SignedOrder, 'action' | 'issuedAt' | 'from'>[]
  /** Unix ms of the newest order of the lease; 0 when there is none. */
  newest(leaseId: Hex): number
  /** Synced when it returns. @returns false, and keeps nothing, when an order as new or newer is there already. */
  put(order: SignedOrder): boolean
  leaseIds(): readonly Hex[]
  forget(leaseId: Hex): void
}

const rowSchema = z.object({
  action: z.enum(ORDER_ACTIONS),
  issuedAt: z.int(),
  from: z.custom<Hex>((value) => isHex(value), 'not hex').nullable(),
})

export const makeSignedOrders = (db: Database): SignedOrders => {
  migrate(db, 'orders', SCHEMA)
  const rows = db.prepare(
    'SELECT action, issuedAt, fromLease AS "from" FROM signed_orders WHERE leaseId = ? ORDER BY issuedAt',
  )
  const newest = db.prepare('SELECT max(issuedAt) FROM signed_orders WHERE leaseId = ?').pluck()
  const upsert = db.prepare(
    `INSERT INTO signed_orders (leaseId, action, issuedAt, signer, receivedMs, fromLease)
     VALUES (@leaseId, @action, @issuedAt, @signer, @receivedMs, @from)
     ON CONFLICT (leaseId, action) DO UPDATE SET
       issuedAt = excluded.issuedAt, signer = excluded.signer, receivedMs = excluded.receivedMs,
       fromLease = excluded.fromLease`,
  )
  const remove = db.prepare('DELETE FROM signed_orders WHERE leaseId = ?')
  const leases = db.prepare('SELECT DISTINCT leaseId FROM signed_orders').pluck()
  const newestOf = (leaseId: Hex): number => z.int().nullable().parse(newest.get(leaseId)) ?? 0
  // Compared and written in one transaction: of two that arrive together only one is the newest.
  const put = db.transaction((order: SignedOrder): boolean => {
    if (order.issuedAt <= newestOf(order.leaseId)) return false
    upsert.run(order)
    return true
  })
  return {
    of: (leaseId) => rowSchema.array().parse(rows.all(leaseId)),
    newest: newestOf,
    put: (order) => put.immediate(order),
    leaseIds: () => leases.all() as Hex[],
    forget: (leaseId) => {
      remove.run(leaseId)
    },
  }
}
