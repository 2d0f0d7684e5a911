// Calls prepared for a wallet: what used to be a write is a transaction that its owner sends.
import { z } from 'zod'
import { slugText } from './templates.ts'
import { addressParam, addressText, bigintText, hexText, wordText } from './values.ts'

const uint = (bits: 8 | 16 | 32) =>
  z
    .int()
    .min(0)
    .max(2 ** bits - 1)
const uint64 = z.codec(z.string().regex(/^\d{1,19}$/, 'an amount'), z.bigint(), {
  decode: (text) => BigInt(text),
  encode: (value) => String(value),
})
const index = z.int().min(1).max(0xffff_ffff)
const hexOf = (bytes: number) =>
  z.templateLiteral(['0x', z.string().regex(new RegExp(`^[0-9a-fA-F]{${bytes * 2}}$`))])
const contentText = hexText.refine((text) => text.length <= 2 + 2 * 16_384, 'at most 16384 bytes')

/** Who will send it: the outcome is simulated for that account. */
const from = addressParam
const own = { point: uint64, memoryGiB: uint64, diskGiB: uint64, gpu: uint64 }
const stars = z.int().min(1).max(5)
const review = { from, leaseId: wordText, stars, title: z.string().max(100), comment: z.string().max(2_000) }

export const PREPARE_BODIES = {
  profile: z.strictObject({
    from,
    node: index,
    description: z.string().max(1_000),
    /** Each at most 31 bytes. */
    tags: z.array(z.string().regex(/^[\x20-\x7e]{1,31}$/, 'a tag of at most 31 ASCII characters')).max(32),
  }),
  /** All zero goes back to the platform's defaults. */
  pricing: z.strictObject({ from, node: index, prices: z.strictObject(own) }),
  /** With `slug` a new template, with `template` the next version of one. */
  publish: z
    .strictObject({
      from,
      slug: slugText.optional(),
      template: index.optional(),
      fee: uint64,
      refundWindow: uint(32),
      minimum: z.strictObject({ vcpus: uint(16), gpus: uint(8), memoryMiB: uint(32), diskGiB: uint(32) }),
      contentHash: wordText,
      content: contentText,
      uri: z.string().max(256),
    })
    .refine(
      ({ slug, template }) => (slug === undefined) !== (template === undefined),
      'slug or template, not both',
    ),
  open: z.strictObject({
    from,
    terms: z.strictObject({
      tenant: addressParam,
      node: uint(32),
      vcpus: uint(16),
      tier: uint(8),
      bandwidth: uint(8),
      gpus: uint(8),
      memoryMiB: uint(32),
      diskGiB: uint(32),
      region: hexOf(8),
      maxPricePerHour: uint64,
      deposit: uint64,
      holdBack: uint(32),
      minNotice: uint(32),
      activateWithin: uint(32),
      template: uint(32),
      templateVersion: uint(32),
      maxTemplateFee: uint64,
      manifestHash: wordText,
      salt: wordText,
    }),
    /** Sealed; `0x` when it follows later. */
    manifest: contentText,
  }),
  'review-node': z.strictObject(review),
  'review-template': z.strictObject(review),
} as const
export const PREPARED_ACTS = [
  'profile',
  'pricing',
  'publish',
  'open',
  'review-node',
  'review-template',
] as const
export type PreparedAct = (typeof PREPARED_ACTS)[number]
export type PrepareBody<act extends PreparedAct> = z.output<(typeof PREPARE_BODIES)[act]>

export const preparedSchema = z.object({
  chainId: z.int(),
  to: addressText,
  data: hexText,
  /** Wei. */
  value: bigintText,
  simulated: z.object({
    /** As things stand now; `unknown` when no RPC answered. */
    outcome: z.enum(['accepted', 'refused', 'unknown']),
    /** Why it was refused and what to do about it. */
    message: z.string().nullable(),
    hint: z.string().nullable(),
    /** Gas it would take; `null` unless accepted. */
    gas: bigintText.nullable(),
  }),
})
export type ApiPrepared = z.output<typeof preparedSchema>
