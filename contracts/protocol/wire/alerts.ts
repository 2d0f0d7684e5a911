// Webhooks that a tenant or an operator registers with a keeper, and what is sent to them. Times are unix seconds.
import { z } from 'zod'
import { bigintText, wordText } from './api/values.ts'

export const ALERT_KINDS = ['runway', 'offline', 'ended'] as const
export type AlertKind = (typeof ALERT_KINDS)[number]

export const DEFAULT_RUNWAY_SECONDS = 3 * 86_400

const url = z.string().max(2_048)
const leaseId = wordText.nullable().default(null)

/** `leaseId: null`: every lease of the account that registers. */
export const alertBodySchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('runway'),
    url,
    leaseId,
    /** Told once when less is left, and again after a top-up was used up in its turn. */
    thresholdSeconds: z
      .int()
      .min(600)
      .max(365 * 86_400)
      .default(DEFAULT_RUNWAY_SECONDS),
  }),
  z.strictObject({ kind: z.literal('offline'), url, node: z.int().min(1).max(0xffff_ffff) }),
  z.strictObject({ kind: z.literal('ended'), url, leaseId }),
])
export type AlertBody = z.output<typeof alertBodySchema>

export const alertSchema = z.object({
  id: z.string(),
  kind: z.enum(ALERT_KINDS),
  url: z.string(),
  leaseId: wordText.nullable(),
  node: z.int().nullable(),
  thresholdSeconds: z.int().nullable(),
  createdAt: z.int(),
  /** Why nothing is sent any more; `null` while it is. */
  disabled: z.string().nullable(),
})
export type ApiAlert = z.output<typeof alertSchema>

/** The secret is shown this once. */
export const newAlertSchema = alertSchema.extend({ secret: z.string() })
export const alertsSchema = z.object({ alerts: z.array(alertSchema) })

/** The body of a delivery. The same event has the same `id` however often it comes. */
export const alertEventSchema = z.object({
  id: wordText,
  kind: z.enum(ALERT_KINDS),
  alert: z.string(),
  chainId: z.int(),
  leaseEscrow: z.string(),
  leaseId: wordText.nullable(),
  node: z.int().nullable(),
  /** When it was noticed. */
  at: z.int(),
  /** `runway`: seconds left, and the first second that is not paid for. */
  runwaySeconds: z.int().optional(),
  runsOutAt: z.int().optional(),
  /** `ended`: why, when, and what came back, µUSDC. */
  reason: z.string().optional(),
  endedAt: z.int().optional(),
  refunded: bigintText.optional(),
})
export type AlertEvent = z.output<typeof alertEventSchema>

/** Headers of a delivery: unix seconds, and `v1=` with the hex HMAC-SHA256 of `<timestamp>.<body>` under the secret. */
export const ALERT_HEADERS = {
  event: 'decloud-event',
  timestamp: 'decloud-timestamp',
  signature: 'decloud-signature',
} as const
