// What a keeper says of itself. `/health`: whether its answers are those of the chain now. `/health/live`: whether the
// process should be left alone or started anew; a keeper that is merely behind is alive.
import { z } from 'zod'
import { addressText, bigintText } from './api.ts'

export const HEALTH_STATUSES = [
  'ok',
  'syncing',
  'stale',
  'disagreeing',
  'different',
  'unwritable',
  'draining',
] as const

/** Everything that health can find. The first group makes the keeper unready; the rest only warns. */
export const HEALTH_REASONS = [
  'draining',
  'store-unwritable',
  'feed-disagreeing',
  'audit-different',
  'feed-stale',
  'feed-syncing',
  'loop-stuck',
  'gas-low',
  'gas-unknown',
  'disk-low',
] as const

export const healthReasonSchema = z.object({
  code: z.enum(HEALTH_REASONS),
  /** What is the matter and what to do about it. */
  sentence: z.string(),
})

export const healthSchema = z.object({
  /** 200 is `ok` and nothing else. */
  status: z.enum(HEALTH_STATUSES),
  /** Why not `ok`, the gravest first; warnings after. */
  reasons: z.array(healthReasonSchema),
  version: z.string(),
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
  /** Balance of the keeper's key in wei; `null` without a key, or while it cannot be read. */
  gasBalance: bigintText.nullable(),
  diskFreeBytes: bigintText.nullable(),
  /** The last comparison with contract storage; `at` in unix seconds. */
  lastAudit: z.object({ at: z.int(), outcome: z.string(), differences: z.int() }).nullable(),
})
export type KeeperHealth = z.output<typeof healthSchema>
export type HealthReason = z.output<typeof healthReasonSchema>

export const livenessSchema = z.object({
  alive: z.boolean(),
  uptimeSeconds: z.number(),
  /** The longest that the event loop was held up lately. */
  eventLoopLagMs: z.number(),
  /** Rounds of work that should have ended. */
  stuck: z.array(z.object({ name: z.string(), forSeconds: z.number() })),
})
export type KeeperLiveness = z.output<typeof livenessSchema>
