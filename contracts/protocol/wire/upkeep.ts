// What a keeper's chores came to: `GET /api/upkeep`. Amounts are µUSDC, gas money wei, both as decimal strings on the
// wire; counts since the process began.
import { z } from 'zod'
import { bigintText } from './api.ts'

const kindSchema = z.enum(['settle', 'renew', 'expire', 'end', 'release'])

const leftSchema = z.object({
  kind: kindSchema,
  leases: z.int(),
  reason: z.enum(['done-already', 'refused', 'too-dear', 'round-budget']),
  sentence: z.string(),
})

const roundSchema = z.object({
  done: z.int(),
  failed: z.int(),
  /** Whether it did not begin at all, and why. */
  skipped: z.boolean(),
  held: z.enum(['feed', 'in-flight', 'gas-funds']).nullable(),
  left: z.array(leftSchema),
})

const totalsSchema = z.object({
  transactions: z.int(),
  leases: z.int(),
  failed: z.int(),
  moved: bigintText,
  gasUsed: bigintText,
})

export const upkeepSchema = z.object({
  rounds: z.int(),
  /** Unix milliseconds. */
  lastRoundAt: z.int().nullable(),
  lastRound: roundSchema.nullable(),
  totals: z.partialRecord(kindSchema, totalsSchema),
  gasSpentWei: bigintText,
  /** Leases whose settlement waits because its gas costs more than its part of it. */
  waiting: z.object({ leases: z.int(), moves: bigintText }),
  /** Wei that the keeper had for gas at its last round. */
  funds: bigintText.nullable(),
})
export type ApiUpkeep = z.output<typeof upkeepSchema>
