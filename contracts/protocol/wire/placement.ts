// Why a lease is where it is, or why it waits. Prices are µUSDC per hour, scores thousandths, times unix seconds.
import { z } from 'zod'
import { addressText, bigintText, leaseStatusSchema, wordText } from './api.ts'

const points = z.int().min(0).max(1_000)

const scoreSchema = z.object({
  online: points,
  room: points,
  reputation: points,
  price: points,
  fit: points,
  locality: points,
  region: points,
  operator: points,
})

export const placementDecisionSchema = z.object({
  /** The block it was made at. */
  blockHash: wordText,
  at: z.int(),
  /** `null` when no node takes the lease. */
  chosen: z.int().nullable(),
  /** Why no node ever can; `null` when one may. */
  refusal: z.string().nullable(),
  /** What a point of each component of a score weighs. */
  weights: z.record(z.string(), z.int()),
  /** Best first. */
  candidates: z.array(
    z.object({ rank: z.int(), node: z.int(), price: bigintText, total: z.int(), score: scoreSchema }),
  ),
  candidateCount: z.int(),
  /** The first filter that each of these did not pass. */
  refused: z.array(z.object({ node: z.int(), code: z.string(), sentence: z.string() })),
  refusedCount: z.int(),
})
export type ApiPlacementDecision = z.output<typeof placementDecisionSchema>

export const placementQuerySchema = z.object({
  /** "Why not that one": this node comes first in its list. */
  node: z.coerce.number().int().min(1).max(0xffff_ffff).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(20),
})

export const placementSchema = z.object({
  leaseId: wordText,
  status: leaseStatusSchema,
  /** 0 while it waits. */
  node: z.int(),
  /** Who chose the node; `null` while it waits. */
  placedBy: z.enum(['tenant', 'this-keeper', 'somebody-else']).nullable(),
  /** Why it waits; `null` when it does not. */
  waitsBecause: z.string().nullable(),
  /** What this keeper would do now, or did; `null` where it did nothing. */
  decision: placementDecisionSchema.nullable(),
  /** What the contract answered when this keeper last tried. */
  lastFailure: z.object({ node: z.int(), code: z.string(), sentence: z.string(), at: z.int() }).nullable(),
  scheduler: z.object({
    state: z.enum(['starting', 'placing', 'not-the-scheduler', 'paused', 'feed-behind', 'disabled']),
    /** Whose key may place leases in their first minute, as last read. */
    address: addressText.nullable(),
  }),
})
export type ApiPlacement = z.output<typeof placementSchema>
