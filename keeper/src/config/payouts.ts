import { seconds } from '@decloud/service/config'
import { z } from 'zod'

export const payoutsSection = z
  .strictObject({
    everySeconds: seconds.default(3_600).describe('time between looks for payouts that are due'),
    batchSize: z.coerce.number().int().min(1).max(100).default(50).describe('nodes paid in one transaction'),
    gasCapBps: z.coerce
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(200)
      .transform(BigInt)
      .describe('basis points of what is paid out that may be spent on its gas'),
  })
  .prefault({})
