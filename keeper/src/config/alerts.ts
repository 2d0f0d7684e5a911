import { z } from 'zod'

const count = (least: number, most: number) => z.coerce.number().int().min(least).max(most)
const seconds = z.coerce.number().positive().max(3_600)

/** Webhooks that tenants and operators register. */
export const alertsSection = z
  .strictObject({
    enabled: z.boolean().default(true).describe('take and send webhooks'),
    everySeconds: seconds.default(30).describe('time between looks at what is due'),
    perAccount: count(1, 1_000).default(20).describe('webhooks of one account'),
    maxAlerts: count(1, 100_000).default(5_000).describe('webhooks of all accounts'),
    maxAttempts: count(1, 100)
      .default(14)
      .describe('attempts after which a webhook is switched off; their waits double up to six hours'),
    firstRetrySeconds: seconds.default(30).describe('wait after the first attempt that failed'),
    testLoopback: z
      .boolean()
      .default(false)
      .describe('for tests alone: webhooks may be http, and on this machine'),
  })
  .prefault({})
export type AlertsConfig = z.output<typeof alertsSection>
