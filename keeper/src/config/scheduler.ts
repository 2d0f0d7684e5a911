import { z } from 'zod'

export const schedulerSection = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .describe("off: this keeper explains placements and makes none, even with the scheduler's key"),
    everySeconds: z.coerce
      .number()
      .positive()
      .max(3_600)
      .default(15)
      .describe('seconds between rounds when nothing changes on chain; a change brings one at once'),
    maxInFlight: z.coerce
      .number()
      .int()
      .min(1)
      .max(256)
      .default(32)
      .describe('assignments on their way at once'),
    retrySeconds: z.coerce
      .number()
      .positive()
      .max(600)
      .default(5)
      .describe(
        'seconds after which a lease that the contract refused is tried again, doubled each time up to a hundredfold',
      ),
    reloadSeconds: z.coerce
      .number()
      .positive()
      .max(86_400)
      .default(300)
      .describe(
        'seconds after which the nodes in memory are read anew from the ledger, whatever the feed said meanwhile',
      ),
  })
  .prefault({})
export type SchedulerConfig = z.output<typeof schedulerSection>
