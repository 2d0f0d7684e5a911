import { z } from 'zod'

export const schedulerSection = z
  .strictObject({
    /** Off: this keeper explains placements and makes none, even with the scheduler's key. */
    enabled: z.boolean().default(true),
    /** Seconds between rounds when nothing changes on chain; a change brings one at once. */
    everySeconds: z.coerce.number().positive().max(3_600).default(15),
    /** Assignments on their way at once. */
    maxInFlight: z.coerce.number().int().min(1).max(256).default(32),
    /** Seconds after which a lease that the contract refused is tried again, doubled each time up to a hundredfold. */
    retrySeconds: z.coerce.number().positive().max(600).default(5),
    /** Seconds after which the nodes in memory are read anew from the ledger, whatever the feed said meanwhile. */
    reloadSeconds: z.coerce.number().positive().max(86_400).default(300),
  })
  .prefault({})
export type SchedulerConfig = z.output<typeof schedulerSection>
