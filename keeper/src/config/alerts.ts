import { z } from 'zod'
import { flag } from './fields.ts'

/** Webhooks that tenants and operators register. */
export const alertsSection = z
  .strictObject({
    enabled: flag.default(true),
    everySeconds: z.coerce.number().positive().max(3_600).default(30),
    perAccount: z.coerce.number().int().min(1).max(1_000).default(20),
    maxAlerts: z.coerce.number().int().min(1).max(100_000).default(5_000),
    /** After so many attempts a hook is switched off; by then, with the waits doubling up to six hours, a day has passed. */
    maxAttempts: z.coerce.number().int().min(1).max(100).default(14),
    firstRetrySeconds: z.coerce.number().positive().max(3_600).default(30),
    /** For tests alone: also http, and addresses of this machine. */
    testLoopback: flag.default(false),
  })
  .prefault({})
export type AlertsConfig = z.output<typeof alertsSection>
