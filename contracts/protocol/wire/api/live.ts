// What `GET /api/events` streams (text/event-stream): `event` names one of these, `data` is its JSON, `id` the position to
// resume from with `Last-Event-ID`.
import { z } from 'zod'
import { leaseEventSchema } from './leases.ts'
import { bigintText, wordText } from './values.ts'

/** A topic, or one entity of it: `leases`, `lease:0x…`, `node:7`, `template:3`, `account:0x…`. */
export const TOPICS = [
  'leases',
  'nodes',
  'templates',
  'reviews',
  'access',
  'stakes',
  'reputation',
  'money',
  'platform',
  'relays',
] as const
export const topicText = z
  .string()
  .regex(
    /^(?:leases|nodes|templates|reviews|access|stakes|reputation|money|platform|relays|lease:0x[0-9a-f]{64}|account:0x[0-9a-f]{40}|(?:node|template):[1-9]\d{0,9})$/,
    'a topic',
  )

export const eventsQuerySchema = z.strictObject({
  /** Comma-separated, at most 50; everything without it. */
  topics: z
    .string()
    .min(1)
    .max(4_000)
    .transform((text) => [...new Set(text.toLowerCase().split(','))])
    .pipe(z.array(topicText).max(50))
    .optional(),
  /** For clients that cannot set the `Last-Event-ID` header. */
  lastEventId: z.string().max(200).optional(),
})

/** `event: chain`. A fact of the chain; its position is its `id`. */
export const liveEventSchema = leaseEventSchema.extend({ blockHash: wordText, topics: z.array(z.string()) })
/** `event: reverted`. Every fact above this height was taken back; those that replace them follow. */
export const liveRevertedSchema = z.object({ height: bigintText })
/** `event: reset`. What was missed cannot be told one by one: read anew what you show, then listen on. */
export const liveResetSchema = z.object({
  reason: z.enum(['cursor-invalid', 'cursor-too-old', 'cursor-foreign', 'catching-up']),
})
/** `event: hello`. First of all. */
export const liveHelloSchema = z.object({ height: bigintText.nullable(), resumed: z.boolean() })
/** `event: repair`. Somebody entitled asked for a relay's repair. */
export const liveRepairSchema = z.object({ relay: z.int(), node: z.int(), at: z.int() })
/** `event: dropped`. The last of all: connect again with the last `id`. */
export const liveDroppedSchema = z.object({ reason: z.enum(['slow', 'closing']) })
