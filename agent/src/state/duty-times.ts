// When this node last settled: over restarts too, no settlement comes sooner than the operator wants.
import { migrate } from '@decloud/chain'
import type { Database } from 'better-sqlite3'
import { z } from 'zod'

const SCHEMA = [
  'CREATE TABLE duty_times (one INTEGER PRIMARY KEY CHECK (one = 1), settledAtMs INTEGER NOT NULL) STRICT',
]

export const makeDutyTimes = (db: Database) => {
  migrate(db, 'duties', SCHEMA)
  const get = db.prepare('SELECT settledAtMs FROM duty_times').pluck()
  const put = db.prepare(
    'INSERT INTO duty_times VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET settledAtMs = excluded.settledAtMs',
  )
  return {
    /** Unix milliseconds; 0 for never. */
    settledAtMs: (): number => z.int().parse(get.get() ?? 0),
    settled: (atMs: number): void => {
      put.run(atMs)
    },
  }
}
