// Logs → the tables of the market, in the transaction that moves the cursor.
import { makeEventReader, migrate, type Projector, readEventsAfter } from '@decloud/chain'
import type { Deployment, ProtocolEvent } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import type { Address } from 'viem'
import { grantEntity, manifestEntity, sealingKeyEntity } from './entities/access.ts'
import { type Folder, makeFolder } from './entities/entity.ts'
import { leaseEntity } from './entities/lease.ts'
import {
  accountEntity,
  attesterEntity,
  deskEntity,
  makePolicyHistory,
  policyEntity,
  quorumEntity,
} from './entities/market.ts'
import { nodeEntity, stakeEntity, tillEntity } from './entities/node.ts'
import { attestedEntity, ratingEntity, reviewEntity } from './entities/reputation.ts'
import { makeBooks, makeCounts, makeFlows } from './entities/sums.ts'
import { templateEntity, versionEntity } from './entities/template.ts'
import { MARKET_SCHEMA, MARKET_TABLES } from './schema.ts'
import { noteChange } from './version.ts'

/** Grows with every change of what the same logs are folded to. 1: words are found in the beginning of a template,
 * and of what strangers signed about a node the latest is kept. */
const VERSION = '1'

/** Logs folded in one go when all of them are: bounds memory. */
const CHUNK = 5_000

/**
 * The file is a cache of the chain: what the machine's end takes of the last moments is read again, so a commit need not
 * wait for the disk. Memory for pages and a longer log of them keep a first sync from writing each page many times.
 */
const TUNING = ['synchronous = NORMAL', 'cache_size = -32768', 'wal_autocheckpoint = 8000']

type Writer = Pick<Folder, 'apply'> & { revert(gone: readonly ProtocolEvent[]): void }

/** Needs the tables: made at the first use, since the feed creates them. */
const makeWriter = (db: Database, deployment: Deployment, auditors: ReadonlySet<string>): Writer => {
  const read = makeEventReader(deployment)
  const [books, counts, flows] = [makeBooks(db), makeCounts(db), makeFlows(db)]
  const sums = [books, counts, flows]
  const policies = makePolicyHistory(db)
  const lease = { deployment, books, counts, flows, policyAt: policies.at }
  // A policy before the leases that it prices, a version before the template that shows it.
  const folders: Folder[] = [
    makeFolder(policyEntity(db, deployment)),
    makeFolder(leaseEntity(db, lease)),
    makeFolder(accountEntity(db, deployment, flows)),
    makeFolder(tillEntity(db, deployment, flows)),
    makeFolder(nodeEntity(db, deployment, auditors)),
    makeFolder(stakeEntity(db, deployment)),
    makeFolder(versionEntity(db, deployment)),
    makeFolder(templateEntity(db, deployment)),
    makeFolder(reviewEntity(db, deployment)),
    makeFolder(ratingEntity(db, deployment)),
    makeFolder(attestedEntity(db, deployment)),
    makeFolder(attesterEntity(db, deployment)),
    makeFolder(grantEntity(db, deployment)),
    makeFolder(sealingKeyEntity(db, deployment)),
    makeFolder(manifestEntity(db, deployment)),
    makeFolder(deskEntity(db, deployment)),
    makeFolder(quorumEntity(db, deployment)),
  ]
  // A transaction that failed half-way took its rows back; what was gathered for it must go too.
  const begin = () => {
    noteChange(db)
    policies.forget()
    for (const sum of sums) sum.clear()
  }
  const end = () => {
    for (const sum of sums) sum.flush()
  }
  return {
    apply: (events) => {
      begin()
      for (const folder of folders) folder.apply(events)
      end()
    },
    revert: (gone) => {
      const first = gone[0]
      if (first === undefined) return
      begin()
      flows.dropFrom(first.blockNumber)
      for (const folder of folders) folder.revert(gone, db, read)
      end()
    },
  }
}

/**
 * @param options `auditors`: accounts whose every word about nodes is kept. With others the tables are filled anew.
 * @returns the projector, and `refoldAll`: every table anew from the stored logs.
 */
export const makeLedgerProjector = (
  deployment: Deployment,
  options: { auditors?: readonly Address[] } = {},
) => {
  const auditors = new Set((options.auditors ?? []).map((one) => one.toLowerCase()))
  const writers = new WeakMap<Database, Writer>()
  const writerOf = (db: Database): Writer => {
    const writer = writers.get(db) ?? makeWriter(db, deployment, auditors)
    writers.set(db, writer)
    return writer
  }
  const projector: Projector = {
    version: [VERSION, ...[...auditors].sort()].join(' '),
    migrate: (db) => {
      for (const setting of TUNING) db.pragma(setting)
      migrate(db, 'market', MARKET_SCHEMA)
    },
    apply: (db, events) => writerOf(db).apply(events),
    revert: (db, gone) => writerOf(db).revert(gone),
  }
  const refoldAll = (db: Database) =>
    db
      .transaction(() => {
        noteChange(db)
        for (const table of MARKET_TABLES) db.exec(`DELETE FROM ${table}`)
        for (const events of readEventsAfter(db, deployment, CHUNK)) writerOf(db).apply(events)
      })
      .immediate()
  return { projector, refoldAll }
}
