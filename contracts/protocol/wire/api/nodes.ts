// Nodes as the marketplace shows them.
import { z } from 'zod'
import type { Resources } from '../../pricing.ts'
import { signedFactsSchema } from '../facts.ts'
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

/** The guest by whose price nodes are compared: 1 Standard vCPU, 1 GiB, 10 GiB of disk, Standard bandwidth. */
export const REFERENCE_GUEST: Resources = {
  vcpus: 1,
  tier: 1,
  bandwidth: 1,
  gpus: 0,
  memoryMiB: 1_024,
  diskGiB: 10,
}

export const pricesSchema = z.object({
  point: bigintText,
  memoryGiB: bigintText,
  diskGiB: bigintText,
  gpu: bigintText,
})
export const capacitySchema = z.object({
  pointUnits: bigintText,
  memoryMiB: bigintText,
  diskGiB: bigintText,
  gpus: z.int(),
})

/** Sum and number of stars given; `mean` is rounded to hundredths, `null` without reviews. */
export const ratingSchema = z.object({ sum: bigintText, count: bigintText, mean: z.number().nullable() })

export const BADGES = ['uptime-99.9', 'hosted-100', 'premium', 'audited'] as const
export const badgeSchema = z.enum(BADGES)

export const uptimeSchema = z.object({
  /** Attested on chain where attesters have an opinion, else as this keeper heard it; `null` when neither is known. */
  bps: z.int().nullable(),
  /** Median of the attesters over 30 days, basis points; `null` without opinions. */
  attestedBps: z.int().nullable(),
  opinions: z.int(),
  /** Beats that this keeper heard of those expected, basis points; `null` where it expected none. */
  heardBps: z.int().nullable(),
})

export const nodeSchema = z.object({
  node: z.int(),
  nodeId: wordText,
  operator: addressText,
  agent: addressText,
  /** Whether new leases may be assigned; says nothing about whether the machine is up. */
  active: z.boolean(),
  /** Whether its beats arrive; `null` where this keeper cannot tell. */
  online: z.boolean().nullable(),
  region: z.string(),
  endpoint: z.string(),
  description: z.string(),
  tags: z.array(z.string()),
  badges: z.array(badgeSchema),
  sealingKey: wordText,
  sealingKeyEpoch: z.int(),
  minCharge: z.int(),
  notice: z.int(),
  capacity: capacitySchema,
  free: capacitySchema,
  /** Whether the operator set prices of their own; else the platform's defaults apply. */
  hasCustomPricing: z.boolean(),
  /** The prices a lease opened now would get: own or default, raised to the floor. */
  prices: pricesSchema,
  /** Price of the reference guest on this node. */
  referencePricePerHour: bigintText,
  uptime: uptimeSchema,
  rating: ratingSchema,
  /** Leases activated, and those of them that ended well, ever. */
  hosted: z.int(),
  completed: z.int(),
  /** Node that relays for this one, 0 for none. */
  relay: z.int(),
  /** Nodes that it offers to relay for, and those it does. */
  relayCapacity: z.int(),
  relayed: z.int(),
  /** Of the operator, in units of the staked token. */
  bonded: bigintText,
  isPremium: z.boolean(),
  /** Earned and not yet withdrawn. */
  earned: bigintText,
  registeredAt: z.int(),
})
export type ApiNode = z.output<typeof nodeSchema>

const attributeSchema = z.object({
  attribute: wordText,
  /** The attribute's word as text. */
  name: z.string(),
  auditor: addressText,
  issuedAt: z.int(),
  expiresAt: z.int(),
})

export const nodeProfileSchema = z.object({
  node: z.int(),
  operator: addressText,
  description: z.string(),
  tags: z.array(z.string()),
  badges: z.array(badgeSchema),
  attributes: z.array(attributeSchema),
  rating: ratingSchema,
})

export const nodeDetailSchema = nodeSchema.extend({
  pendingOperator: addressText,
  payee: addressText,
  inUse: capacitySchema,
  attributes: z.array(attributeSchema),
  network: z.object({
    /** libp2p peer id as bytes, `0x` before the node told it. */
    peerId: hexText,
    addresses: z.array(z.string()),
    wireguardKey: wordText,
    behindNat: z.boolean(),
  }),
  stakes: z.array(
    z.object({
      staker: addressText,
      bonded: bigintText,
      unbonding: bigintText,
      lockedUntil: z.int(),
      releaseAt: z.int(),
    }),
  ),
  /** What each attester said of each day (days since 1970): beats missed of 5760. */
  attestations: z.array(z.object({ attester: addressText, day: z.int(), missed: z.int() })),
  /** What the node says of its machine, as its agent signed it; nobody else vouches for it. `null` when nothing was heard. */
  facts: z.object({ signed: signedFactsSchema, heardAt: z.int() }).nullable(),
})

/** The part of it that says what the machine is: by the node itself, and by auditors on chain. */
export const nodeFactsViewSchema = nodeDetailSchema.pick({ facts: true, attributes: true })
export type ApiNodeFacts = z.output<typeof nodeFactsViewSchema>

export const NODE_SORTS = ['price', 'uptime', 'capacity', 'rating'] as const

/** Names of tags, comma-separated. */
export const tagsText = z
  .string()
  .min(1)
  .max(300)
  .transform((text) =>
    [...new Set(text.split(',').map((tag) => tag.trim().toLowerCase()))].filter((tag) => tag !== ''),
  )
  .refine((tags) => tags.length <= 20, 'at most 20 tags')

export const nodesQuerySchema = z.strictObject({
  region: z.string().min(1).max(8).optional().describe('The whole region, as registered'),
  tags: tagsText.optional().describe('Comma-separated; a node must have them all'),
  maxPrice: bigintText.optional().describe('Highest price of the reference guest, µUSDC per hour'),
  minUptimePercent: z
    .string()
    .regex(/^\d{1,3}(?:\.\d{1,2})?$/, 'a percentage')
    .transform(Number)
    .refine((percent) => percent <= 100, 'at most 100')
    .optional()
    .describe('Over 30 days; nodes of unknown uptime are left out'),
  minPoints: z
    .string()
    .regex(/^\d{1,9}$/, 'a whole number')
    .transform(Number)
    .optional()
    .describe('Free compute points'),
  requiresGpu: queryFlag.optional().describe('Whether a GPU must be free'),
  online: queryFlag
    .optional()
    .describe('`true`: its beats arrive; `false`: they stopped. Nodes never heard of are neither'),
  active: queryFlag.optional().describe('Whether it takes new leases'),
  operator: addressParam.optional(),
  q: searchText.optional().describe('Words in description, tags and region; beginnings match'),
  sort: z
    .enum(NODE_SORTS)
    .default('price')
    .describe('Cheapest first, or the highest first; premium nodes lead among equals'),
  ...pagingFields,
})
export type NodesQuery = z.output<typeof nodesQuerySchema>
export const nodesSchema = z.object({ nodes: z.array(nodeSchema), next: nextCursor })
export const featuredNodesSchema = z.object({ nodes: z.array(nodeSchema) })

export const nodeParams = z.strictObject({ id: z.union([indexText, wordText]) })
export const nodeIndexParams = z.strictObject({ node: indexText })

export const ownPricingSchema = z.object({
  nodes: z.array(
    z.object({
      node: z.int(),
      nodeId: wordText,
      hasCustomPricing: z.boolean(),
      /** As set; all zero where the defaults apply. */
      own: pricesSchema,
      /** What a lease opened now would get. */
      effective: pricesSchema,
      referencePricePerHour: bigintText,
      minCharge: z.int(),
      notice: z.int(),
    }),
  ),
  floors: pricesSchema,
  defaults: pricesSchema,
})
