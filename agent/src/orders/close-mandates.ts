// Closes that tenants signed: kept on disk until the chain says, finally, that the lease has ended.
import { migrate } from '@decloud/chain'
import type { Database } from 'better-sqlite3'
import { type Address, isAddress, isHex } from 'viem'
import { z } from 'zod'

/** Append-only: a step that has shipped never changes. Integers of 256 bits are decimal text. */
const SCHEMA: readonly string[] = [
  `CREATE TABLE close_mandates (
     leaseId TEXT PRIMARY KEY,
     refundTo TEXT NOT NULL, nonce TEXT NOT NULL, deadline TEXT NOT NULL, signature TEXT NOT NULL,
     receivedMs INTEGER NOT NULL
   ) STRICT`,
]

const hex = z.custom<`0x${string}`>((value) => isHex(value), 'not hex')
const whole = z.string().transform(BigInt)
const rowSchema = z.object({
  leaseId: hex,
  refundTo: z.custom<Address>((value) => isAddress(String(value)), 'not an address'),
  nonce: whole,
  deadline: whole,
  signature: hex,
  receivedMs: z.int(),
})
export type CloseMandate = z.output<typeof rowSchema>

export const makeCloseMandates = (db: Database) => {
  migrate(db, 'closes', SCHEMA)
  const all = db.prepare('SELECT * FROM close_mandates ORDER BY receivedMs')
  const upsert = db.prepare(
    `INSERT INTO close_mandates VALUES (@leaseId, @refundTo, @nonce, @deadline, @signature, @receivedMs)
     ON CONFLICT (leaseId) DO UPDATE SET refundTo = excluded.refundTo, nonce = excluded.nonce,
       deadline = excluded.deadline, signature = excluded.signature, receivedMs = excluded.receivedMs`,
  )
  const remove = db.prepare('DELETE FROM close_mandates WHERE leaseId = ?')
  return {
    all: (): readonly CloseMandate[] => rowSchema.array().parse(all.all()),
    /** Synced when it returns; replaces an earlier one. */
    put: ({ nonce, deadline, ...mandate }: CloseMandate): void => {
      upsert.run({ ...mandate, nonce: String(nonce), deadline: String(deadline) })
    },
    drop: (leaseId: string): void => {
      remove.run(leaseId)
    },
  }
}
export type CloseMandates = ReturnType<typeof makeCloseMandates>
