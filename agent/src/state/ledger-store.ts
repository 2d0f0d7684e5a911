import { migrate } from '@decloud/chain'
import type { Database } from 'better-sqlite3'
import { type Hex, isHex } from 'viem'
import { z } from 'zod'
import { freeGpus, type Reservation, shortage } from '../domain/capacity.ts'
import type { Ledger } from '../ports/ledger.ts'

/** Append-only. That a GPU has one lease at most is the table's own rule. */
const SCHEMA: readonly string[] = [
  `CREATE TABLE reservations (
     leaseId TEXT PRIMARY KEY,
     pointUnits INTEGER NOT NULL, memoryMiB INTEGER NOT NULL, diskGiB INTEGER NOT NULL, gpus INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE gpus (
     address TEXT PRIMARY KEY,
     leaseId TEXT NOT NULL REFERENCES reservations (leaseId) ON DELETE CASCADE
   ) STRICT`,
]

const rows = z.array(
  z.object({
    leaseId: z.custom<Hex>((value) => isHex(value), 'not hex'),
    pointUnits: z.int(),
    memoryMiB: z.int(),
    diskGiB: z.int(),
    gpus: z.int(),
    gpuAddresses: z.string().nullable(),
  }),
)

const SELECT = `SELECT r.*, group_concat(g.address) AS gpuAddresses
  FROM reservations r LEFT JOIN gpus g ON g.leaseId = r.leaseId GROUP BY r.leaseId ORDER BY r.leaseId`
const UPSERT = `INSERT INTO reservations (leaseId, pointUnits, memoryMiB, diskGiB, gpus)
  VALUES (@leaseId, @pointUnits, @memoryMiB, @diskGiB, @gpus)
  ON CONFLICT (leaseId) DO UPDATE SET pointUnits = excluded.pointUnits, memoryMiB = excluded.memoryMiB,
    diskGiB = excluded.diskGiB, gpus = excluded.gpus`

export const makeLedger = (db: Database): Ledger => {
  migrate(db, 'ledger', SCHEMA)
  const select = db.prepare(SELECT)
  const upsert = db.prepare(UPSERT)
  const assign = db.prepare('INSERT INTO gpus (address, leaseId) VALUES (?, ?)')
  const freeGpu = db.prepare('DELETE FROM gpus WHERE leaseId = ?')
  const remove = db.prepare('DELETE FROM reservations WHERE leaseId = ?')

  const all = (): readonly Reservation[] =>
    rows.parse(select.all()).map(({ gpuAddresses, ...row }) => ({
      ...row,
      gpuAddresses: gpuAddresses === null ? [] : gpuAddresses.split(',').sort(),
    }))
  const of = (leaseId: Hex) => all().find((one) => one.leaseId === leaseId) ?? null

  // One transaction, and no pause in it: between asking and taking nobody else is asked.
  const reserve = db.transaction<Ledger['reserve']>((leaseId, wanted, room, promised) => {
    const before = of(leaseId)
    const others = all().filter((one) => one.leaseId !== leaseId)
    const short = before !== null || promised ? null : shortage(room, others, wanted)
    if (short !== null) return short
    upsert.run({ leaseId, ...wanted })
    const missing = Math.max(0, wanted.gpus - (before?.gpuAddresses.length ?? 0))
    const free = freeGpus(room, all()).slice(0, missing)
    for (const address of free) assign.run(address, leaseId)
    return null
  })

  return {
    all,
    of,
    reserve: (...given) => reserve.immediate(...given),
    release: db.transaction((leaseId: Hex) => {
      freeGpu.run(leaseId)
      remove.run(leaseId)
    }),
  }
}
