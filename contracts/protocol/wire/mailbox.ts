// A keeper's mailbox: sealed manifests for leases that were assigned after they were signed. Times are unix seconds.
import { z } from 'zod'
import { MAX_SEALED_BYTES } from '../sealed.ts'
import { wordText } from './api/values.ts'

const bytesText = (least: number, most: number) =>
  z.templateLiteral(['0x', z.string().regex(new RegExp(`^(?:[0-9a-fA-F]{2}){${least},${most}}$`))])
const seconds = z
  .int()
  .min(0)
  .max(2 ** 40)
const node = z.int().min(1).max(0xffff_ffff)
/** Of a plain key 65 bytes, of a wallet contract more. */
const signature = bytesText(1, 2_048)
export const sealedText = bytesText(1, MAX_SEALED_BYTES)

/** `PUT /api/mailbox/<leaseId>`, signed by the tenant; see `mailboxPost`. */
export const mailboxPostSchema = z.strictObject({
  node,
  sealed: sealedText,
  issuedAt: seconds,
  expiresAt: seconds,
  signature,
})
export type MailboxPostBody = z.output<typeof mailboxPostSchema>

/** What anybody may know of an entry: not the bytes. */
export const mailboxEntrySchema = z.object({
  leaseId: wordText,
  node: z.int(),
  sealedHash: wordText,
  issuedAt: z.int(),
  expiresAt: z.int(),
})
export type MailboxEntry = z.output<typeof mailboxEntrySchema>

/** `POST /api/mailbox/<leaseId>/collect`, signed by the agent of the node; see `mailboxCollect`. */
export const mailboxCollectSchema = z.strictObject({ node, issuedAt: seconds, signature })
export type MailboxCollectBody = z.output<typeof mailboxCollectSchema>

export const mailboxSealedSchema = z.object({ sealed: sealedText, issuedAt: z.int() })
