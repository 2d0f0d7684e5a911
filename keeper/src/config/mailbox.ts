import { z } from 'zod'

const count = (least: number, most: number) => z.coerce.number().int().min(least).max(most)

/** Sealed manifests that are kept for the nodes of leases assigned after they were signed. */
export const mailboxSection = z
  .strictObject({
    enabled: z.boolean().default(true).describe('keep sealed manifests for nodes to fetch'),
    keepSeconds: count(60, 604_800).default(86_400).describe('longest time that a sealed manifest is kept'),
    maxBytes: count(16_384, 10_000_000_000).default(64_000_000).describe('bytes of all of them together'),
    postsPerHour: count(1, 10_000).default(30).describe('posts of one tenant an hour'),
  })
  .prefault({})
export type MailboxConfig = z.output<typeof mailboxSection>
