// How the process is run, as opposed to what it does.
import { z } from 'zod'

const seconds = (most: number) => z.coerce.number().min(0).max(most)

const isLoopback = (host: string) => /^(127\.[\d.]+|::1|localhost)$/.test(host)

/** Prometheus' figures, on a listener of their own. */
export const metricsSection = z
  .strictObject({
    enabled: z.boolean().default(true).describe('serve /metrics at all'),
    host: z
      .string()
      .min(1)
      .default('127.0.0.1')
      .describe('where /metrics listens; anything but loopback needs the token'),
    port: z.coerce
      .number()
      .int()
      .min(0)
      .max(65_535)
      .optional()
      .describe("0 takes any free port; without one, the API's port + 1"),
    token: z
      .string()
      .min(16)
      .optional()
      .meta({ description: 'bearer token that a scraper must show', secret: true }),
  })
  .refine(({ host, token }) => isLoopback(host) || token !== undefined, {
    path: ['token'],
    error: 'must be set: metrics.host is not loopback',
  })
  .prefault({})

export const drainSection = z
  .strictObject({
    noticeSeconds: seconds(300)
      .default(0)
      .describe('how long /health says draining before the listener closes, for a load balancer to see'),
    deadlineSeconds: seconds(600)
      .default(20)
      .describe('requests and rounds under way may finish within this; then they are cut off'),
  })
  .prefault({})

export const healthSection = z
  .strictObject({
    minGasCoins: z.coerce
      .number()
      .min(0)
      .max(1e9)
      .default(0.1)
      .describe('below this balance of the gas coin, health warns'),
    minFreeDiskMib: z.coerce
      .number()
      .int()
      .min(0)
      .max(1e9)
      .default(512)
      .describe('free space of the data folder below which health warns'),
    loopDeadlineSeconds: z.coerce
      .number()
      .min(1)
      .max(86_400)
      .default(900)
      .describe('a round of chores that takes longer counts as stuck, and the service manager restarts us'),
  })
  .prefault({})
