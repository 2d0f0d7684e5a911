// Movements of money, their sums, and reviews: long lists, read page by page.
import type { Database } from 'better-sqlite3'
import type { FlowDay } from '../../../domain/flow.ts'
import type { FlowQuery, Market, ReviewQuery } from '../../../ports/market.ts'
import { reviewTable } from '../entities/reputation.ts'
import { flowTable, MARKET_WIDE } from '../entities/sums.ts'
import { pageOf, placeOf } from '../pages.ts'
import { amount, type Cell, nullableBytes } from '../table.ts'

export type MoneyReads = Pick<Market, 'flows' | 'flowDays' | 'reviews' | 'relays' | 'relay'>

const flowConditions = (query: FlowQuery): string[] => {
  const where: string[] = []
  if (query.node !== undefined) where.push('f.node = @node')
  if (query.account !== undefined) where.push('f.account = @account')
  if (query.leaseId !== undefined) where.push('f.lease_id = @leaseId')
  if (query.kinds !== undefined) where.push('f.kind IN (SELECT value FROM json_each(@kinds))')
  if (query.from !== undefined) where.push('f.at >= @from')
  if (query.until !== undefined) where.push('f.at < @until')
  if (query.cursor !== undefined) where.push('(f.block, f.log_index, f.part) < (@block, @logIndex, @part)')
  return where
}

const reviewCondition = (query: ReviewQuery): [condition: string, value: string | number] => {
  if ('node' in query) return ["r.kind = 'node' AND r.subject = @of", query.node]
  if ('template' in query) return ["r.kind = 'template' AND r.subject = @of", query.template]
  if ('author' in query) return ['r.author = @of', query.author]
  return ['r.lease_id = @of', query.leaseId.toLowerCase()]
}

export const makeMoneyReads = (db: Database): MoneyReads => {
  const flows = flowTable(db)
  const reviews = reviewTable(db)
  const days = db
    .prepare(
      `SELECT day, kind, amount, count FROM flow_sums WHERE node = ? AND day >= max(?, 0) AND day <= ?
       ORDER BY day, kind`,
    )
    .raw()
  const relays = db.prepare(
    `SELECT n.node, iif(n.relay = 0, n.relay_capacity, 0) AS capacity,
       (SELECT json_group_array(u.node ORDER BY u.node) FROM nodes u WHERE u.relay = n.node AND u.relay <> 0) AS users,
       (SELECT s.amount FROM flow_sums s WHERE s.node = n.node AND s.day = -1 AND s.kind = 'earnedByRelay') AS earned
     FROM nodes n WHERE (@node IS NULL OR n.node = @node)
       AND (n.relay_capacity > 0 OR n.node IN (SELECT relay FROM nodes WHERE relay <> 0)) ORDER BY n.node`,
  )
  const relaysLike = (node: number | null) =>
    (relays.all({ node }) as { node: number; capacity: number; users: string; earned: string | null }[]).map(
      (row) => {
        const users = JSON.parse(row.users) as number[]
        return {
          node: row.node,
          capacity: row.capacity,
          used: users.length,
          users,
          earned: BigInt(row.earned ?? 0),
        }
      },
    )
  return {
    flows: (query) => {
      const where = ['1', ...flowConditions(query)].join(' AND ')
      const [block = null, logIndex = null, part = null] =
        query.cursor === undefined ? [] : placeOf(query.cursor, 'nnn')
      const cells = db
        .prepare(
          `SELECT ${flows.select('f')} FROM flows f WHERE ${where}
           ORDER BY f.block DESC, f.log_index DESC, f.part DESC LIMIT @limit`,
        )
        .raw()
        .all({
          ...{ node: query.node ?? null, account: query.account ?? null, from: query.from ?? null },
          ...{ leaseId: nullableBytes.write(query.leaseId ?? null), until: query.until ?? null },
          ...{ kinds: JSON.stringify(query.kinds ?? []), limit: query.limit + 1, block, logIndex, part },
        }) as Cell[][]
      const rows = cells.map((row) => flows.read(row))
      return pageOf(rows, query.limit, (row) => [Number(row.block), row.logIndex, row.part])
    },
    flowDays: (node, { from, to }) =>
      (days.all(node ?? MARKET_WIDE, from, to) as [number, FlowDay['kind'], string, number][]).map(
        ([day, kind, sum, count]) => ({ day, kind, amount: amount.read(sum), count }),
      ),
    reviews: (query) => {
      const [condition, of] = reviewCondition(query)
      const [block = null, leaseId = null, kind = null] =
        query.cursor === undefined ? [] : placeOf(query.cursor, 'nss')
      const after = block === null ? '' : 'AND (r.block, r.lease_id, r.kind) < (@block, @leaseId, @kind)'
      const cells = db
        .prepare(
          `SELECT ${reviews.select('r')} FROM reviews r WHERE ${condition} ${after}
           ORDER BY r.block DESC, r.lease_id DESC, r.kind DESC LIMIT @limit`,
        )
        .raw()
        .all({ of, limit: query.limit + 1, block, leaseId, kind }) as Cell[][]
      const rows = cells.map((row) => reviews.read(row))
      return pageOf(rows, query.limit, (row) => [Number(row.block), row.leaseId, row.kind])
    },
    relays: () => relaysLike(null),
    relay: (node) => relaysLike(node)[0],
  }
}
