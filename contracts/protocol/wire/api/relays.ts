import { z } from 'zod'
import { addressText, bigintText, indexText } from './values.ts'

export const relaySchema = z.object({
  /** Index of the node that relays. */
  relay: z.int(),
  operator: addressText,
  region: z.string(),
  active: z.boolean(),
  online: z.boolean().nullable(),
  /** Places offered, and taken. */
  capacity: z.int(),
  used: z.int(),
  /** Earned as a relay, ever. µUSDC. */
  earned: bigintText,
})
export const relaysSchema = z.object({ relays: z.array(relaySchema) })

export const repairSchema = z.object({
  id: z.int(),
  relay: z.int(),
  /** The node whose path is broken; the relay itself when its own operator asks. */
  node: z.int(),
  requestedBy: addressText,
  requestedAt: z.int(),
})
export const relayDetailSchema = relaySchema.extend({
  /** Nodes behind it. */
  users: z.array(z.int()),
  /** Asked for in the last 24 hours, newest first. */
  repairs: z.array(repairSchema.omit({ requestedBy: true })),
})
export const relayStatsSchema = z.object({
  relays: z.int(),
  online: z.int(),
  capacity: z.int(),
  used: z.int(),
  earned: bigintText,
})
export const relayParams = z.strictObject({ id: indexText })
export const repairRequestSchema = z.strictObject({
  /** A node behind the relay; left out by the relay's own operator. */
  node: z.int().min(1).max(0xffff_ffff).optional(),
})
