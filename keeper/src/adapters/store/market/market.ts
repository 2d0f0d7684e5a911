// Reads of the marketplace's tables, on the database that the projector writes.
import { makeEventReader } from '@decloud/chain'
import { type Deployment, leaseEscrowAbi, type ProtocolEvent } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import { getAbiItem, type Hex, toEventSelector, zeroAddress } from 'viem'
import { EMPTY_DESK, EMPTY_QUORUM } from '../../../domain/desk.ts'
import { windowAt } from '../../../domain/reputation.ts'
import type { Market, MarketCounts } from '../../../ports/market.ts'
import { grantTable, manifestTable, sealingKeyTable } from '../entities/access.ts'
import { policyTable, singleTable } from '../entities/market.ts'
import { pageOf, placeOf } from '../pages.ts'
import type { Cell } from '../table.ts'
import { versionOf } from '../version.ts'
import { makeAttested } from './attested.ts'
import type { MarketDeps } from './deps.ts'
import { makeMoneyReads } from './money.ts'
import { makeNodeReads } from './nodes.ts'
import { makeTemplateReads } from './templates.ts'

export type MarketOptions = Pick<MarketDeps, 'deployment' | 'minimumStake' | 'time'>

/** @param options `time` of the newest indexed block: what is attested counts for the thirty days before it. */
export const makeMarket = (db: Database, options: MarketOptions): Market => {
  const policies = policyTable(db)
  const newestFirst = db
    .prepare(`SELECT ${policies.select('p')} FROM policies p ORDER BY block DESC, log_index DESC`)
    .raw()
  const policyRows = () => (newestFirst.all() as Cell[][]).map((cells) => policies.read(cells))
  const policy = () => {
    const cells = newestFirst.get() as Cell[] | undefined
    return cells && policies.read(cells).policy
  }
  const deps: MarketDeps = {
    ...options,
    policy,
    changeKey: () => `${versionOf(db)} ${windowAt(options.time()).today}`,
  }
  const attested = makeAttested(db)
  return {
    ...makeNodeReads(db, deps, attested),
    ...makeTemplateReads(db, deps),
    ...makeMoneyReads(db),
    ...makeAccessReads(db, options.deployment),
    ...makeOverview(db),
    attesters: attested.attesters,
    policy,
    policies: () =>
      policyRows()
        .reverse()
        .map(({ policy, block, at }) => ({ policy, block, at })),
  }
}

const ENDED = toEventSelector(getAbiItem({ abi: leaseEscrowAbi, name: 'LeaseEnded' }))

const leaseEvent = (event: ProtocolEvent) => ({
  ...{ contract: event.contract, name: event.name, args: event.args },
  ...{ block: event.blockNumber, logIndex: event.logIndex, transaction: event.transactionHash },
  at: Number(event.timestamp),
})

const makeAccessReads = (
  db: Database,
  deployment: Deployment,
): Pick<
  Market,
  'leaseEvents' | 'endOf' | 'collaborators' | 'sharedWith' | 'sealingKey' | 'postedManifest'
> => {
  const read = makeEventReader(deployment)
  const grants = grantTable(db)
  const keys = sealingKeyTable(db)
  const manifests = manifestTable(db)
  const live = `JOIN leases l ON l.lease_id = g.lease_id AND l.status <> 'Ended'`
  const ofLease = db
    .prepare(`SELECT ${grants.select('g')} FROM grants g ${live} WHERE g.lease_id = ? ORDER BY g.account`)
    .raw()
  const ofAccount = db
    .prepare(`SELECT ${grants.select('g')} FROM grants g ${live} WHERE g.account = ? ORDER BY g.lease_id`)
    .raw()
  const { leaseEscrow, leaseMandates, downtimeQuorum } = deployment
  const { leaseAccess = zeroAddress, reviews = zeroAddress } = deployment
  const told = [leaseEscrow, leaseMandates, downtimeQuorum, leaseAccess, reviews]
  return {
    leaseEvents: ({ leaseId, limit, cursor }) => {
      const [block, logIndex] = cursor === undefined ? [-1, -1] : placeOf(cursor, 'nn').map(Number)
      const events = read(db, {
        ...{ address: told, topic1: leaseId.toLowerCase() as Hex, limit: limit + 1 },
        after: { block: block ?? -1, logIndex: logIndex ?? -1 },
      })
      const { rows, next } = pageOf(events, limit, (event) => [Number(event.blockNumber), event.logIndex])
      // A stack's id is no lease's, but for one who could find a collision.
      const own = rows.filter(({ args }) => 'leaseId' in args && args.leaseId === leaseId.toLowerCase())
      return { rows: own.map(leaseEvent), next }
    },
    endOf: (leaseId) =>
      read(db, { address: leaseEscrow, topic0: ENDED, topic1: leaseId.toLowerCase() as Hex })[0]
        ?.blockNumber ?? null,
    collaborators: (leaseId) =>
      (ofLease.all(leaseId.toLowerCase()) as Cell[][]).map((cells) => {
        const grant = grants.read(cells)
        return { ...grant, key: keys.get(grant.account) ?? null }
      }),
    sharedWith: (account) => (ofAccount.all(account) as Cell[][]).map((cells) => grants.read(cells)),
    sealingKey: (account) => keys.get(account),
    postedManifest: (leaseId) => manifests.get(leaseId.toLowerCase()),
  }
}

const makeOverview = (db: Database): Pick<Market, 'desk' | 'quorum' | 'counts'> => {
  const desks = singleTable<'desk'>(db)
  const quorums = singleTable<'quorum'>(db)
  const count = db.prepare('SELECT count FROM counts WHERE what = ? AND id = 0').pluck()
  const leases = (status: keyof MarketCounts['leases']) =>
    (count.get(`leases ${status}`) as number | undefined) ?? 0
  const totals = db.prepare(
    `SELECT (SELECT count(*) FROM nodes) AS nodes, (SELECT count(*) FROM nodes WHERE active = 1) AS activeNodes,
       (SELECT count(*) FROM templates) AS templates, (SELECT count(*) FROM reviews) AS reviews`,
  )
  return {
    desk: () => desks.get('desk')?.view ?? EMPTY_DESK,
    quorum: () => quorums.get('quorum')?.view ?? EMPTY_QUORUM,
    counts: () => ({
      ...(totals.get() as Omit<MarketCounts, 'leases'>),
      leases: {
        Requested: leases('Requested'),
        Assigned: leases('Assigned'),
        Active: leases('Active'),
        Ended: leases('Ended'),
      },
    }),
  }
}
