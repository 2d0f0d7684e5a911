// The temporary names of uploads under way, kept where they outlive the agent: what an upload leaves in a guest when the
// agent is killed, or the guest goes away in the middle, is removed when the guest is next entered.
import { migrate } from '@decloud/chain'
import type { Database } from 'better-sqlite3'
import type { Hex } from 'viem'
import { z } from 'zod'

const SCHEMA = [
  'CREATE TABLE upload_parts (leaseId TEXT NOT NULL, path TEXT NOT NULL, PRIMARY KEY (leaseId, path)) STRICT',
]

const rows = z.array(z.strictObject({ leaseId: z.custom<Hex>(), path: z.string() }))
export type Part = z.output<typeof rows>[number]

export type Parts = {
  all(): readonly Part[]
  of(leaseId: Hex): readonly Part[]
  add(part: Part): void
  remove(part: Part): void
}

export const makeParts = (db: Database): Parts => {
  migrate(db, 'uploads', SCHEMA)
  const all = db.prepare('SELECT leaseId, path FROM upload_parts')
  const of = db.prepare('SELECT leaseId, path FROM upload_parts WHERE leaseId = ?')
  const add = db.prepare('INSERT INTO upload_parts VALUES (@leaseId, @path)')
  const remove = db.prepare('DELETE FROM upload_parts WHERE leaseId = @leaseId AND path = @path')
  return {
    all: () => rows.parse(all.all()),
    of: (leaseId) => rows.parse(of.all(leaseId)),
    add: (part) => {
      add.run(part)
    },
    remove: (part) => {
      remove.run(part)
    },
  }
}
