// Sums over the market and over an operator's nodes.
import { z } from 'zod'
import {
  addressParam,
  addressText,
  bigintText,
  indexText,
  nextCursor,
  pagingFields,
  secondsText,
  wordText,
} from './values.ts'

export const networkSchema = z.object({
  /** Height and time that these figures are of. */
  height: bigintText,
  at: z.int(),
  nodes: z.object({ all: z.int(), active: z.int(), online: z.int() }),
  leases: z.object({ Requested: z.int(), Assigned: z.int(), Active: z.int(), Ended: z.int() }),
  templates: z.int(),
  reviews: z.int(),
  regions: z.array(
    z.object({
      region: z.string(),
      nodes: z.int(),
      active: z.int(),
      online: z.int(),
      pointUnits: bigintText,
      freePointUnits: bigintText,
      memoryMiB: bigintText,
      freeMemoryMiB: bigintText,
      diskGiB: bigintText,
      freeDiskGiB: bigintText,
      gpus: z.int(),
      freeGpus: z.int(),
    }),
  ),
  /** Who relays for whom. */
  links: z.array(z.object({ node: z.int(), relay: z.int() })),
})

/** Days since 1970 of unix seconds, both included; 366 at most. The last 30 by default. */
export const daysQuerySchema = z.strictObject({ from: secondsText.optional(), to: secondsText.optional() })

const earningDaySchema = z.object({
  /** Unix seconds of its beginning, UTC. */
  day: z.int(),
  node: bigintText,
  relay: bigintText,
  withdrawn: bigintText,
})
export const nodeEarningsSchema = z.object({
  node: z.int(),
  /** Earned and not yet withdrawn. */
  available: bigintText,
  payee: addressText,
  days: z.array(earningDaySchema),
})
export const operatorEarningsSchema = z.object({
  operator: addressText,
  available: bigintText,
  nodes: z.array(z.object({ node: z.int(), available: bigintText })),
  days: z.array(earningDaySchema),
})
export const operatorParams = z.strictObject({ operator: addressParam })

export const flowsQuerySchema = z.strictObject({
  node: indexText.optional(),
  account: addressParam.optional(),
  leaseId: wordText.optional(),
  from: secondsText.optional(),
  until: secondsText.optional(),
  ...pagingFields,
})
export const flowsSchema = z.object({
  flows: z.array(
    z.object({
      kind: z.string(),
      leaseId: wordText.nullable(),
      node: z.int().nullable(),
      account: addressText.nullable(),
      amount: bigintText,
      block: bigintText,
      logIndex: z.int(),
      at: z.int(),
    }),
  ),
  next: nextCursor,
})

export const SERIES = ['leases', 'revenue', 'capacity'] as const
export const STEPS = { hour: 3_600, day: 86_400 } as const
export const seriesQuerySchema = z.strictObject({
  step: z.enum(['hour', 'day']).default('day'),
  /** Unix seconds; the series has at most 744 points. */
  from: secondsText.optional(),
  to: secondsText.optional(),
})
export const seriesParams = z.strictObject({ series: z.enum(SERIES) })
export const seriesSchema = z.object({
  series: z.enum(SERIES),
  step: z.enum(['hour', 'day']),
  /** What the columns are called and counted in. */
  columns: z.array(z.object({ name: z.string(), unit: z.string() })),
  /** `at` is where a step begins; values in the order of the columns. */
  points: z.array(z.object({ at: z.int(), values: z.array(bigintText) })),
})
