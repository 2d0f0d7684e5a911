import type { Database } from 'better-sqlite3'
import { isHex } from 'viem'
import { z } from 'zod'
import type { Outage } from '../domain/outage.ts'
import { AgentError } from '../lib/errors.ts'
import type { OutageStore } from '../reconcile/ports.ts'

const rowSchema = z.object({
  leaseId: z.custom<`0x${string}`>((value) => isHex(value), 'not hex'),
  fromMs: z.int(),
  toMs: z.int().nullable(),
  cause: z.enum(['crashed', 'powered-off', 'missing', 'disk-full', 'not-restarted']),
  creditedMs: z.int().nullable(),
})

/** Each call is one committed, synced transaction. */
export const makeOutageStore = (db: Database): OutageStore => {
  const lasting = db.prepare('SELECT * FROM outages WHERE leaseId = ? AND toMs IS NULL')
  const of = db.prepare('SELECT * FROM outages WHERE leaseId = ? ORDER BY fromMs')
  const uncredited = db.prepare(
    'SELECT * FROM outages WHERE toMs > fromMs AND creditedMs IS NULL ORDER BY fromMs',
  )
  // Never before the end of the one before, whatever the clock says: no moment is counted twice.
  const begin = db.prepare(`INSERT INTO outages (leaseId, fromMs, toMs, cause, creditedMs)
    SELECT @leaseId, MAX(@fromMs, COALESCE((SELECT MAX(toMs) + 1 FROM outages WHERE leaseId = @leaseId), 0)), NULL, @cause, NULL
    WHERE NOT EXISTS (SELECT 1 FROM outages WHERE leaseId = @leaseId AND toMs IS NULL)`)
  const end = db.prepare(
    'UPDATE outages SET toMs = MAX(fromMs, @toMs) WHERE leaseId = @leaseId AND toMs IS NULL',
  )
  const credit = db.prepare(
    'UPDATE outages SET creditedMs = @atMs WHERE leaseId = @leaseId AND fromMs = @fromMs AND creditedMs IS NULL',
  )
  return {
    lasting: (leaseId) => {
      const row = lasting.get(leaseId)
      return row === undefined ? null : parse(row)
    },
    of: (leaseId) => of.all(leaseId).map(parse),
    begin: (leaseId, fromMs, cause) => void begin.run({ leaseId, fromMs, cause }),
    end: (leaseId, toMs) => void end.run({ leaseId, toMs }),
    uncredited: () => uncredited.all().map(parse),
    markCredited: (leaseId, fromMs, atMs) => void credit.run({ leaseId, fromMs, atMs }),
  }
}

const parse = (row: unknown): Outage => {
  const parsed = rowSchema.safeParse(row)
  if (parsed.success) return parsed.data
  throw new AgentError(
    'state-damaged',
    `An outage in the state database makes no sense: ${z.prettifyError(parsed.error)}`,
    { hint: 'Restore the data folder from a backup, or move it away: running guests are adopted again.' },
  )
}
