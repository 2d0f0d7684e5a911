// Sums over time. Days of money are kept as sums; the rest is counted over the blocks of the span that is asked for.
import { makeEventReader } from '@decloud/chain'
import { type Deployment, leaseEscrowAbi } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import { type AbiEvent, toEventSelector } from 'viem'
import { NOTHING, type Offered, type OfferedChange, offeredChanges, plus } from '../../domain/offered.ts'
import type { Series, Span } from '../../ports/series.ts'
import { versionOf } from './version.ts'

const STARS = [1, 2, 3, 4, 5]

const selectorOf = (name: 'LeaseRequested' | 'LeaseActivated' | 'LeaseEnded') =>
  toEventSelector(leaseEscrowAbi.find((item) => item.type === 'event' && item.name === name) as AbiEvent)

const stepAt = (at: number, step: number) => Math.floor(at / step) * step

/** @returns the first stored block at or after unix second `at`; blocks and times ascend together. */
const makeBlockAt = (db: Database) => {
  const bounds = db.prepare('SELECT min(block_number) AS low, max(block_number) AS high FROM feed_logs')
  const timeFrom = db
    .prepare(
      'SELECT timestamp FROM feed_logs WHERE block_number >= ? ORDER BY block_number, log_index LIMIT 1',
    )
    .pluck()
  return (at: number): number => {
    const { low, high } = bounds.get() as { low: number | null; high: number | null }
    if (low === null || high === null) return 0
    let [from, to] = [low, high + 1]
    while (from < to) {
      const middle = Math.floor((from + to) / 2)
      const time = timeFrom.get(middle) as number | undefined
      if (time !== undefined && time < at) from = middle + 1
      else to = middle
    }
    return from
  }
}

export const makeSeries = (db: Database, deployment: Deployment): Series => {
  const blockAt = makeBlockAt(db)
  const blocksOf = ({ from, to, step }: Span) => ({ first: blockAt(from), end: blockAt(to + step) })
  const escrow = deployment.leaseEscrow.toLowerCase()
  const selectors = {
    opened: selectorOf('LeaseRequested'),
    activated: selectorOf('LeaseActivated'),
    ended: selectorOf('LeaseEnded'),
  }
  const counts = db.prepare(
    `SELECT timestamp / @step * @step AS at, topic0 AS topic, count(*) AS count FROM feed_logs
     WHERE block_number >= @first AND block_number < @end AND address = @escrow
       AND topic0 IN (@opened, @activated, @ended) GROUP BY 1, 2`,
  )
  const credits = db.prepare(
    `SELECT at / @step * @step AS at, kind, CAST(sum(CAST(amount AS INTEGER)) AS TEXT) AS amount FROM flows
     WHERE block >= @first AND block < @end AND kind IN ('earnedByNode', 'earnedByRelay', 'earnedByPlatform')
     GROUP BY 1, 2`,
  )
  const stars = db
    .prepare('SELECT stars, count(*) FROM reviews WHERE kind = ? AND subject = ? GROUP BY stars')
    .raw()
  const readEvents = makeEventReader(deployment)
  let offered: { version: string; changes: readonly OfferedChange[] } | null = null
  const changesNow = () => {
    const version = versionOf(db)
    if (offered?.version !== version)
      offered = { version, changes: offeredChanges(readEvents(db, { address: deployment.nodeRegistry })) }
    return offered.changes
  }

  return {
    leases: (span) => {
      const rows = counts.all({ ...blocksOf(span), step: span.step, escrow, ...selectors }) as {
        at: number
        topic: string
        count: number
      }[]
      return byStep(rows).map(([at, some]) => {
        const of = (topic: string) => BigInt(some.find((row) => row.topic === topic)?.count ?? 0)
        return {
          at,
          opened: of(selectors.opened),
          activated: of(selectors.activated),
          ended: of(selectors.ended),
        }
      })
    },
    revenue: (span) => {
      const rows = credits.all({ ...blocksOf(span), step: span.step }) as {
        at: number
        kind: string
        amount: string
      }[]
      return byStep(rows).map(([at, some]) => {
        const of = (kind: string) => BigInt(some.find((row) => row.kind === kind)?.amount ?? '0')
        return {
          at,
          nodes: of('earnedByNode'),
          relays: of('earnedByRelay'),
          platform: of('earnedByPlatform'),
        }
      })
    },
    capacity: ({ from, to, step }) => {
      let before: Offered = NOTHING
      const changes = new Map<number, Offered>()
      for (const { at, ...change } of changesNow()) {
        if (at < from) before = plus(before, change)
        else if (at < to + step) {
          const begin = stepAt(at, step)
          changes.set(begin, plus(changes.get(begin) ?? NOTHING, change))
        }
      }
      return { before, changes: [...changes].map(([at, change]) => ({ at, ...change })) }
    },
    stars: (subject) => {
      const [kind, id] = 'node' in subject ? ['node', subject.node] : ['template', subject.template]
      const found = new Map(stars.all(kind, id) as [number, number][])
      return STARS.map((star) => found.get(star) ?? 0)
    },
  }
}

/** Rows of one step together, oldest first. */
const byStep = <row extends { at: number }>(rows: readonly row[]): [at: number, rows: row[]][] => {
  const steps = new Map<number, row[]>()
  for (const row of rows) steps.set(row.at, [...(steps.get(row.at) ?? []), row])
  return [...steps].sort(([a], [b]) => a - b)
}
