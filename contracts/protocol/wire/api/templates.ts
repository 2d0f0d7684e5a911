// Templates as the marketplace shows them. What one says of itself (name, category, tags) is its author's word.
import { z } from 'zod'
import { ratingSchema, tagsText } from './nodes.ts'
import {
  addressParam,
  addressText,
  bigintText,
  hexText,
  indexText,
  nextCursor,
  pagingFields,
  queryFlag,
  searchText,
  wordText,
} from './values.ts'

const minimumSchema = z.object({
  vcpus: z.int(),
  gpus: z.int(),
  memoryMiB: z.int(),
  diskGiB: z.int(),
})

export const templateVersionSchema = z.object({
  version: z.int(),
  contentHash: wordText,
  /** µUSDC per deploy. */
  fee: bigintText,
  /** Seconds after activation in which the fee is held. */
  refundWindow: z.int(),
  minimum: minimumSchema,
  publishedIn: bigintText,
  publishedAt: z.int(),
  archived: z.boolean(),
  /** Where the content lies when it is not on the chain; else empty. */
  uri: z.string(),
})

export const templateSchema = z.object({
  template: z.int(),
  slug: z.string(),
  /** From the latest version's content; `null` where it says nothing. */
  name: z.string().nullable(),
  description: z.string().nullable(),
  category: z.string().nullable(),
  tags: z.array(z.string()),
  author: addressText,
  archived: z.boolean(),
  versions: z.int(),
  latest: templateVersionSchema.nullable(),
  rating: ratingSchema,
  /** Leases that were opened with it, ever. */
  deployed: z.int(),
  createdAt: z.int(),
})
export type ApiTemplate = z.output<typeof templateSchema>

export const templateDetailSchema = templateSchema.extend({
  pendingAuthor: addressText,
  /** Oldest first. */
  history: z.array(templateVersionSchema),
})

export const templateContentSchema = templateVersionSchema.extend({
  template: z.int(),
  /** As published, compressed; `0x` when it lies behind `uri`. */
  content: hexText,
  /** Unpacked; `null` when it is no text or lies behind `uri`. */
  text: z.string().nullable(),
})

export const TEMPLATE_SORTS = ['newest', 'popular', 'rating', 'slug'] as const

export const templatesQuerySchema = z.strictObject({
  category: z.string().min(1).max(40).optional(),
  tags: tagsText.optional().describe('Comma-separated; a template must have them all'),
  gpu: queryFlag.optional().describe('Whether its minimum asks for a GPU'),
  author: addressParam.optional(),
  maxFee: bigintText.optional().describe('Highest fee, µUSDC'),
  search: searchText.optional().describe('Words in slug and content; beginnings match'),
  sort: z.enum(TEMPLATE_SORTS).default('newest'),
  ...pagingFields,
})
export type TemplatesQuery = z.output<typeof templatesQuerySchema>
export const templatesSchema = z.object({ templates: z.array(templateSchema), next: nextCursor })
export const featuredTemplatesSchema = z.object({ templates: z.array(templateSchema) })

export const slugText = z.string().regex(/^[a-z0-9-]{3,40}$/, 'a slug')
export const templateParams = z.strictObject({ slugOrId: z.union([indexText, slugText]) })
export const templateVersionParams = templateParams.extend({ version: indexText })
