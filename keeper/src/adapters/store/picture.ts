// All tables at one moment: a connection of its own, in a read transaction, while the feed writes on.
import type { Deployment } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import Sqlite from 'better-sqlite3'
import { EMPTY_TILL, emptyBook } from '../../domain/book.ts'
import type { AuditedLease, Picture } from '../../ports/storage.ts'
import { sealingKeyTable } from './entities/access.ts'
import { stakeTable, tillTable } from './entities/node.ts'
import { attestedTable } from './entities/reputation.ts'
import { makeBooks } from './entities/sums.ts'
import { makeLedger } from './ledger.ts'
import { makeMarket } from './market/market.ts'
import type { Cell } from './table.ts'

/** No table of ours has more pages of this than any keeper can have templates. */
const EVERYTHING = 1_000_000

export type PictureOptions = { deployment: Deployment; minimumStake: bigint | null; time: number }

/** @param file of a database that the projector has migrated. @throws what SQLite throws when it cannot be opened. */
export const openPicture = (file: string, options: PictureOptions): Picture => {
  const db = new Sqlite(file, { readonly: true, timeout: 5_000 })
  try {
    db.exec('BEGIN')
    return pictureOf(db, options)
  } catch (error) {
    db.close()
    throw error
  }
}

const pictureOf = (db: Database, { deployment, minimumStake, time }: PictureOptions): Picture => {
  const ledger = makeLedger(db)
  const market = makeMarket(db, { deployment, minimumStake, time: () => time })
  const [books, tills, stakes] = [makeBooks(db), tillTable(db), stakeTable(db)]
  const [keys, days] = [sealingKeyTable(db), attestedTable(db)]
  const rows = <row>(
    table: { read(cells: readonly Cell[]): row; select(alias: string): string; name: string },
    where = '',
  ) =>
    (
      db
        .prepare(`SELECT ${table.select('t')} FROM ${table.name} t ${where}`)
        .raw()
        .all() as Cell[][]
    ).map((cells) => table.read(cells))
  const nextIds = {
    open: db
      .prepare('SELECT lease_id FROM leases WHERE open = 1 AND lease_id > ? ORDER BY lease_id LIMIT ?')
      .pluck(),
    all: db.prepare('SELECT lease_id FROM leases WHERE lease_id > ? ORDER BY lease_id LIMIT ?').pluck(),
  }
  const stars = db.prepare('SELECT kind, stars FROM reviews WHERE lease_id = ?').raw()
  const audited = (leaseId: `0x${string}`): AuditedLease[] => {
    const lease = ledger.lease(leaseId)
    if (lease === undefined) return []
    const given = Object.fromEntries(stars.all(leaseId) as [string, number][])
    return [
      {
        lease,
        collaborators: market.collaborators(leaseId),
        manifest: market.postedManifest(leaseId),
        stars: { node: given['node'] ?? 0, template: given['template'] ?? 0 },
      },
    ]
  }
  const known = db.prepare(
    'SELECT node FROM nodes UNION SELECT node FROM books UNION SELECT node FROM tills UNION SELECT 0',
  )
  return {
    *leases(scope, size) {
      for (let last = ''; ; ) {
        const ids = nextIds[scope].all(last, size) as `0x${string}`[]
        const final = ids.at(-1)
        if (final === undefined) return
        yield ids.flatMap(audited)
        last = final
      }
    },
    nodes: market.allNodes,
    books: () =>
      (known.pluck().all() as number[]).map((node) => ({
        ...emptyBook(node),
        ...books.load(node),
        ...(tills.get(node) ?? EMPTY_TILL),
      })),
    accounts: ledger.accounts,
    policy: market.policy,
    desk: market.desk,
    quorum: market.quorum,
    templates: () => [
      ...market.templates({ limit: EVERYTHING, sort: 'slug' }).rows,
      ...market.templates({ limit: EVERYTHING, sort: 'slug', archived: true }).rows,
    ],
    versions: market.versions,
    sealingKeys: () => rows(keys),
    attesters: market.attesters,
    attestedDays: (from, until) =>
      rows(days, `WHERE day >= ${Math.trunc(from)} AND day < ${Math.trunc(until)}`),
    stakes: () => rows(stakes),
    close: () => db.close(),
  }
}
