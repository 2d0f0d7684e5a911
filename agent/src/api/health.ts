import { z } from 'zod'
import { dutiesSchema } from '../duties/status.ts'

export const healthSchema = z.strictObject({
  status: z.enum(['ok', 'degraded']),
  node: z.int(),
  agent: z.string(),
  chain: z.strictObject({
    feed: z.string(),
    head: z.string().nullable(),
    finalized: z.string().nullable(),
    error: z.string().nullable(),
  }),
  hypervisor: z.strictObject({ acceleration: z.string(), arch: z.string(), reason: z.string() }),
  /** How bandwidth tiers are kept, and why so. */
  shaping: z.strictObject({ mode: z.enum(['libvirt', 'tc', 'none']), reason: z.string() }),
  /** Null while it cannot be read. `low`: nothing new is set up; `critical`: guests may soon stop at a write. */
  disk: z
    .strictObject({ level: z.enum(['ok', 'low', 'critical']), freeBytes: z.int(), totalBytes: z.int() })
    .nullable(),
  /** Null when no keeper is configured. */
  beats: z
    .strictObject({
      /** Unix seconds / 15 of the last one that was taken. */
      lastSlot: z.int().nullable(),
      via: z.enum(['gossip', 'http']).nullable(),
      error: z.string().nullable(),
    })
    .nullable(),
  /** What the node does on chain by itself. */
  duties: dutiesSchema,
  guests: z.strictObject({
    running: z.int(),
    /** Domains of this agent under a lease that the chain says nothing about: never touched, for a person to look at. */
    unknown: z.array(z.string()),
  }),
})
export type Health = z.output<typeof healthSchema>
