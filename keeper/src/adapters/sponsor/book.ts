// What was paid for and for whom, beside the journal that sends it. Counted by summing rows: there is no counter that
// could disagree with them.
import { migrate } from '@decloud/chain'
import type { Sponsorship } from '@decloud/protocol/wire/sponsor'
import type { Database } from 'better-sqlite3'
import type { Hex } from 'viem'
import { judgeUsage, type SponsorUsage } from '../../domain/sponsor/limits.ts'
import type { SponsorBook, SponsorRow } from '../../ports/sponsor.ts'

const SCHEMA = [
  `CREATE TABLE sponsorships (
     id TEXT PRIMARY KEY,
     kind TEXT NOT NULL, signer TEXT NOT NULL, subject TEXT NOT NULL, origin TEXT NOT NULL,
     day INTEGER NOT NULL, created_at INTEGER NOT NULL,
     state TEXT NOT NULL, reason_code TEXT, reason TEXT,
     -- Calls that it counts for, and µUSDC: the most it can cost until it is known what it did cost.
     weight INTEGER NOT NULL, cost INTEGER NOT NULL,
     settled INTEGER NOT NULL DEFAULT 0
   ) STRICT;
   CREATE INDEX sponsorships_day ON sponsorships (day, signer);
   CREATE INDEX sponsorships_open ON sponsorships (settled) WHERE settled = 0;
   CREATE INDEX sponsorships_waiting ON sponsorships (signer, subject) WHERE state = 'waiting';`,
]

const KEPT_DAYS = 30
/** Calls that the contract refused after they were sent count for two. */
const WEIGHT: Readonly<Record<Sponsorship['state'], number>> = { waiting: 1, done: 1, refused: 2, failed: 0 }

type Row = { id: Hex; kind: string; state: string; reason_code: string | null; reason: string | null }

const rowOf = (row: Row): SponsorRow => ({
  id: row.id,
  // This file alone writes these columns.
  kind: row.kind as SponsorRow['kind'],
  state: row.state as SponsorRow['state'],
  reason: row.reason_code === null ? null : { code: row.reason_code, sentence: row.reason ?? '' },
})

export const makeSponsorBook = (db: Database): SponsorBook => {
  migrate(db, 'sponsor', SCHEMA)
  const byId = db.prepare('SELECT id, kind, state, reason_code, reason FROM sponsorships WHERE id = ?')
  const find = (id: Hex): SponsorRow | undefined => {
    const row = byId.get(id) as Row | undefined
    return row === undefined ? undefined : rowOf(row)
  }
  const sums = db.prepare(
    `SELECT ifnull(sum(weight) FILTER (WHERE signer = @signer), 0) AS count,
       ifnull(sum(cost) FILTER (WHERE signer = @signer), 0) AS signerCost,
       ifnull(sum(state = 'refused') FILTER (WHERE signer = @signer), 0) AS reverts,
       ifnull(sum(weight) FILTER (WHERE origin = @origin), 0) AS originCount,
       ifnull(sum(cost), 0) AS cost
     FROM sponsorships WHERE day = @day`,
  )
  const waiting = db.prepare(
    `SELECT ifnull(sum(signer = @signer), 0) AS bySigner, ifnull(sum(subject = @subject), 0) AS bySubject
     FROM sponsorships WHERE state = 'waiting'`,
  )
  const usage: SponsorBook['usage'] = (day, { signer, subject, origin }): SponsorUsage => {
    const key = { day, signer: signer.toLowerCase(), subject, origin }
    const sum = sums.get(key) as Record<'count' | 'signerCost' | 'reverts' | 'originCount' | 'cost', number>
    // Across midnight too: what is under way is under way.
    const busy = waiting.get(key) as { bySigner: number; bySubject: number }
    return {
      address: {
        count: sum.count,
        cost: BigInt(sum.signerCost),
        reverts: sum.reverts,
        underWay: busy.bySigner,
      },
      subjectUnderWay: busy.bySubject,
      originCount: sum.originCount,
      cost: BigInt(sum.cost),
    }
  }
  const insert = db.prepare(
    `INSERT OR REPLACE INTO sponsorships (id, kind, signer, subject, origin, day, created_at, state, weight, cost)
     VALUES (@id, @kind, @signer, @subject, @origin, @day, @nowMs, 'waiting', 1, @cost)`,
  )
  // Where a request came from is of use on its own day alone.
  const forget = db.prepare("UPDATE sponsorships SET origin = '' WHERE day < ? AND origin != ''")
  const prune = db.prepare('DELETE FROM sponsorships WHERE day < ? AND settled = 1')
  const update = db.prepare(
    `UPDATE sponsorships SET state = @state, reason_code = @code, reason = @sentence, weight = @weight,
       cost = ifnull(@cost, cost), settled = @settled WHERE id = @id`,
  )
  let pruned = 0

  return {
    find,
    usage,
    reserve: (reservation, day, nowMs, limits) =>
      db
        .transaction(() => {
          const known = find(reservation.id)
          if (known !== undefined && known.state !== 'failed') return known
          const refusal = judgeUsage(usage(day, reservation), reservation.cost, limits)
          if (refusal !== null) throw refusal
          if (pruned !== day) {
            forget.run(day)
            prune.run(day - KEPT_DAYS)
            pruned = day
          }
          const { signer, cost } = reservation
          insert.run({ ...reservation, signer: signer.toLowerCase(), cost: Number(cost), day, nowMs })
          return null
        })
        .immediate(),
    open: () =>
      (db.prepare('SELECT id FROM sponsorships WHERE settled = 0').all() as { id: Hex }[]).map(
        ({ id }) => id,
      ),
    close: (id, { state, reason = null, cost, settled }) => {
      update.run({
        id,
        state,
        code: reason?.code ?? null,
        sentence: reason?.sentence ?? null,
        weight: WEIGHT[state],
        cost: cost === undefined ? null : Number(cost),
        settled: settled ? 1 : 0,
      })
    },
  }
}
