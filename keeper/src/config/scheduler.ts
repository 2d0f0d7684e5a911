import { seconds } from '@decloud/service/config'
import { z } from 'zod'

export const schedulerSection = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .describe("false: placements are explained and none is made, even with the scheduler's key"),
    everySeconds: seconds
      .default(15)
      .describe('time between rounds when nothing changes on chain; a change brings one at once'),
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
        'a lease that the contract refused is tried again after so long, then doubled up to a hundredfold',
      ),
    reloadSeconds: seconds
      .default(300)
      .describe('time after which the nodes in memory are read anew, whatever the feed said meanwhile'),
  })
  .prefault({})
export type SchedulerConfig = z.output<typeof schedulerSection>
