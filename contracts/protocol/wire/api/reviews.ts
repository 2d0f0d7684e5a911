import { z } from 'zod'
import { ratingSchema } from './nodes.ts'
import { addressText, bigintText, nextCursor, pagingFields, wordText } from './values.ts'

export const reviewSchema = z.object({
  leaseId: wordText,
  kind: z.enum(['node', 'template']),
  /** Index of the node or of the template. */
  subject: z.int(),
  /** Of the template; 0 for a node. */
  version: z.int(),
  author: addressText,
  stars: z.int(),
  title: z.string(),
  comment: z.string(),
  block: bigintText,
  at: z.int(),
})
export type ApiReview = z.output<typeof reviewSchema>

export const reviewsQuerySchema = z.strictObject({ ...pagingFields })

export const reviewsSchema = z.object({
  reviews: z.array(reviewSchema),
  next: nextCursor,
  rating: ratingSchema,
  /** Reviews with one, two, … five stars. */
  histogram: z.array(z.int()),
})
export const ownReviewsSchema = z.object({ reviews: z.array(reviewSchema), next: nextCursor })
