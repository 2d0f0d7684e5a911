// Which outages a credit was sent for, written before it is sent. A credit is the one call of ours that is not the same
// when it is made twice: this book, with the journal's word under each entry's key, is what makes it happen once.
import { migrate } from '@decloud/chain'
import type { Database } from 'better-sqlite3'
import { type Hex, isHex } from 'viem'
import { z } from 'zod'
import { AgentError } from '../lib/errors.ts'

const SCHEMA = [
  `CREATE TABLE credits (
     id INTEGER PRIMARY KEY AUTOINCREMENT, leaseId TEXT NOT NULL, seconds INTEGER NOT NULL CHECK (seconds > 0),
     -- open: to be sent or on its way; given: in the chain; void: the contract had nothing to give back any more.
     state TEXT NOT NULL CHECK (state IN ('open', 'given', 'void'))
   ) STRICT;
   CREATE TABLE credited_outages (
     leaseId TEXT NOT NULL, fromMs INTEGER NOT NULL, creditId INTEGER NOT NULL REFERENCES credits (id),
     PRIMARY KEY (leaseId, fromMs)
   ) STRICT, WITHOUT ROWID;`,
]

export type Credit = { readonly id: number; readonly leaseId: Hex; readonly seconds: number }

const creditSchema = z.object({
  id: z.int(),
  leaseId: z.custom<Hex>((value) => isHex(value), 'not hex'),
  seconds: z.int(),
  state: z.enum(['open', 'given', 'void']),
})

export interface CreditBook {
  /** Credits whose fate is not known yet, oldest first. */
  open(): readonly Credit[]
  has(leaseId: Hex, fromMs: number): boolean
  /** On disk when the call returns; each outage is part of one credit at most. */
  begin(leaseId: Hex, seconds: number, fromMs: readonly number[]): Credit
  /** @returns the beginnings of the outages it was for. */
  close(id: number, state: 'given' | 'void'): readonly number[]
}

export const makeCreditBook = (db: Database): CreditBook => {
  migrate(db, 'credits', SCHEMA)
  const open = db.prepare(`SELECT * FROM credits WHERE state = 'open' ORDER BY id`)
  const outage = db.prepare('SELECT 1 FROM credited_outages WHERE leaseId = ? AND fromMs = ?')
  const insert = db.prepare(`INSERT INTO credits (leaseId, seconds, state) VALUES (?, ?, 'open')`)
  const cover = db.prepare('INSERT INTO credited_outages VALUES (?, ?, ?)')
  const settle = db.prepare('UPDATE credits SET state = ? WHERE id = ?')
  const covered = db.prepare('SELECT fromMs FROM credited_outages WHERE creditId = ? ORDER BY fromMs').pluck()
  return {
    open: () => open.all().map(parse),
    has: (leaseId, fromMs) => outage.get(leaseId, fromMs) !== undefined,
    begin: db.transaction((leaseId: Hex, seconds: number, fromMs: readonly number[]) => {
      const id = Number(insert.run(leaseId, seconds).lastInsertRowid)
      for (const from of fromMs) cover.run(leaseId, from, id)
      return { id, leaseId, seconds }
    }),
    close: db.transaction((id: number, state: 'given' | 'void') => {
      settle.run(state, id)
      return z.array(z.int()).parse(covered.all(id))
    }),
  }
}

const parse = (row: unknown): Credit => {
  const parsed = creditSchema.safeParse(row)
  if (parsed.success) return parsed.data
  throw new AgentError(
    'state-damaged',
    `A credit in the state database makes no sense: ${z.prettifyError(parsed.error)}`,
    { hint: 'Restore the data folder from a backup.' },
  )
}
