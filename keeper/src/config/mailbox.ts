import { z } from 'zod'
import { flag } from './fields.ts'

/** Sealed manifests that are kept for the nodes of leases assigned after they were signed. */
export const mailboxSection = z
  .strictObject({
    enabled: flag.default(true),
    /** Longest time that one is kept. */
    keepSeconds: z.coerce.number().int().min(60).max(604_800).default(86_400),
    /** All of them together. */
    maxBytes: z.coerce.number().int().min(16_384).max(10_000_000_000).default(64_000_000),
    /** Posts of one tenant an hour. */
    postsPerHour: z.coerce.number().int().min(1).max(10_000).default(30),
  })
  .prefault({})
export type MailboxConfig = z.output<typeof mailboxSection>
