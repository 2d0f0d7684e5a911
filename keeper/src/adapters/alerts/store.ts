import { migrate } from '@decloud/chain'
import { DecloudError } from '@decloud/protocol'
import { alertEventSchema } from '@decloud/protocol/wire/alerts'
import type { Database } from 'better-sqlite3'
import type { Address, Hex } from 'viem'
import { z } from 'zod'
import type { Alert } from '../../domain/alerts.ts'
import type { AlertStore, Delivery, Due, StoredAlert } from '../../ports/alerts.ts'

const SCHEMA = [
  `CREATE TABLE alerts (
     id TEXT PRIMARY KEY, kind TEXT NOT NULL, account TEXT NOT NULL, url TEXT NOT NULL, secret TEXT NOT NULL,
     lease_id TEXT, node INTEGER, threshold INTEGER,
     created_at INTEGER NOT NULL, disabled TEXT
   ) STRICT;
   CREATE INDEX alerts_account ON alerts (account);
   -- What an alert has told of and what is still so.
   CREATE TABLE alerts_told (
     alert TEXT NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
     subject TEXT NOT NULL, event TEXT NOT NULL,
     PRIMARY KEY (alert, subject)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE alerts_queue (
     event TEXT PRIMARY KEY,
     alert TEXT NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
     body TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, next_at INTEGER NOT NULL,
     queued_at INTEGER NOT NULL, delivered_at INTEGER, last_error TEXT
   ) STRICT;
   CREATE INDEX alerts_queue_due ON alerts_queue (next_at) WHERE delivered_at IS NULL;
   CREATE INDEX alerts_queue_alert ON alerts_queue (alert);`,
  `DROP INDEX alerts_queue_due;
   CREATE INDEX alerts_queue_waiting ON alerts_queue (alert, next_at, queued_at) WHERE delivered_at IS NULL;`,
]
/** A delivered event is remembered for so long, that it is not queued a second time. */
const KEPT_SECONDS = 30 * 86_400

type Row = {
  id: string
  kind: Alert['kind']
  account: string
  url: string
  lease_id: string | null
  node: number | null
  threshold: number | null
  created_at: number
  disabled: string | null
}

const alertOf = (row: Row): StoredAlert => ({
  id: row.id,
  kind: row.kind,
  // This file alone writes these columns.
  account: row.account as Address,
  leaseId: row.lease_id as Hex | null,
  node: row.node,
  thresholdSeconds: row.threshold,
  createdAt: row.created_at,
  url: row.url,
  disabled: row.disabled,
})

export const makeAlertStore = (db: Database): AlertStore => {
  migrate(db, 'alerts', SCHEMA)
  const count = (where: string, ...args: unknown[]) =>
    (db.prepare(`SELECT count(*) AS n FROM alerts ${where}`).get(...args) as { n: number }).n
  const insert = db.prepare(
    `INSERT INTO alerts VALUES (@id, @kind, @account, @url, @secret, @leaseId, @node, @thresholdSeconds,
       @createdAt, @disabled)`,
  )
  const tell = db.prepare('INSERT OR REPLACE INTO alerts_told VALUES (?, ?, ?)')
  const rearm = db.prepare('DELETE FROM alerts_told WHERE alert = ? AND subject = ?')
  const queue = db.prepare(
    'INSERT OR IGNORE INTO alerts_queue (event, alert, body, next_at, queued_at) VALUES (?, ?, ?, ?, ?)',
  )
  const toldBy = db.prepare('SELECT subject FROM alerts_told WHERE alert = ?').pluck()
  const due = db.prepare(
    `SELECT q.event, a.account, q.next_at AS nextAt FROM alerts a JOIN alerts_queue q ON q.event IN (
       SELECT event FROM alerts_queue WHERE alert = a.id AND delivered_at IS NULL AND next_at <= @now
       ORDER BY next_at, queued_at LIMIT @each)
     WHERE a.disabled IS NULL ORDER BY q.next_at, q.queued_at, q.event`,
  )
  const exists = db.prepare('SELECT 1 FROM alerts WHERE id = ? AND disabled IS NULL')
  return {
    add: (alert, { perAccount, maxAlerts }) =>
      db
        .transaction(() => {
          const account = alert.account.toLowerCase()
          if (count('WHERE account = ?', account) >= perAccount) {
            throw new DecloudError('alerts-full', `An account may register ${perAccount} alerts.`, {
              hint: 'Delete one that you no longer need.',
            })
          }
          if (count('') >= maxAlerts) {
            throw new DecloudError('alerts-full', 'This keeper keeps no further alerts.', {
              hint: 'Register it with another keeper.',
            })
          }
          insert.run({ ...alert, account })
        })
        .immediate(),
    of: (account) =>
      (
        db
          .prepare('SELECT * FROM alerts WHERE account = ? ORDER BY created_at, id')
          .all(account.toLowerCase()) as Row[]
      ).map(alertOf),
    remove: (id, account) =>
      db.prepare('DELETE FROM alerts WHERE id = ? AND account = ?').run(id, account.toLowerCase()).changes >
      0,
    all: () => (db.prepare('SELECT * FROM alerts ORDER BY created_at, id').all() as Row[]).map(alertOf),
    count: () => count(''),
    drop: (ids) => {
      db.prepare('DELETE FROM alerts WHERE id IN (SELECT value FROM json_each(?))').run(JSON.stringify(ids))
    },
    enabled: () =>
      (db.prepare('SELECT * FROM alerts WHERE disabled IS NULL ORDER BY id').all() as Row[]).map(alertOf),
    told: (id) => new Set(toldBy.all(id) as string[]),
    record: (id, verdicts, now) =>
      db
        .transaction(() => {
          // Deleted or switched off since it was judged.
          if (exists.get(id) === undefined) return
          for (const subject of verdicts.rearm) rearm.run(id, subject)
          for (const { subject, event } of verdicts.fire) {
            tell.run(id, subject, event.id)
            queue.run(event.id, id, JSON.stringify(z.encode(alertEventSchema, event)), now, now)
          }
        })
        .immediate(),
    due: (now, each) => due.all({ now, each }) as Due[],
    delivery: (event) =>
      db
        .prepare(
          `SELECT q.event, q.alert, q.body, q.attempts, a.url, a.secret
           FROM alerts_queue q JOIN alerts a ON a.id = q.alert
           WHERE q.event = ? AND q.delivered_at IS NULL`,
        )
        .get(event) as Delivery | undefined,
    delivered: (event, now) => {
      db.prepare('UPDATE alerts_queue SET delivered_at = ?, last_error = NULL WHERE event = ?').run(
        now,
        event,
      )
      db.prepare('DELETE FROM alerts_queue WHERE delivered_at <= ?').run(now - KEPT_SECONDS)
    },
    failed: (event, nextAt, why) => {
      db.prepare(
        'UPDATE alerts_queue SET attempts = attempts + 1, next_at = ?, last_error = ? WHERE event = ?',
      ).run(nextAt, why, event)
    },
    disable: (alert, why) =>
      db
        .transaction(() => {
          db.prepare('UPDATE alerts SET disabled = ? WHERE id = ?').run(why, alert)
          db.prepare('DELETE FROM alerts_queue WHERE alert = ? AND delivered_at IS NULL').run(alert)
        })
        .immediate(),
  }
}
