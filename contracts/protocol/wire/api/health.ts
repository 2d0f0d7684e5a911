import { z } from 'zod'
import { addressText, bigintText } from './values.ts'

export const healthSchema = z.object({
  status: z.enum(['ok', 'syncing', 'stale']),
  chainId: z.int(),
  leaseEscrow: addressText,
  /** Height of the newest block the RPC named; `null` before its first answer. */
  head: bigintText.nullable(),
  /** Height that the answers of this API reflect. */
  indexed: bigintText.nullable(),
  finalized: bigintText.nullable(),
  lagBlocks: bigintText.nullable(),
  /** Milliseconds since the RPC last answered. */
  silentMs: z.int().nullable(),
  lastError: z.object({ code: z.string(), sentence: z.string() }).nullable(),
  disagreement: z.string().nullable(),
  /** Transactions of this keeper that are not final yet. */
  inFlight: z.int(),
})
export type ApiHealth = z.output<typeof healthSchema>
