// Getting into the agent of a node: what its routes for sessions and tickets take and give. See `nodeSignInMessage`.
import { z } from 'zod'

/** What a ticket is good for: each is one route of the agent, or two. */
export const TICKET_USES = ['terminal', 'console', 'upload', 'download'] as const
export type TicketUse = (typeof TICKET_USES)[number]

export const ticketAskSchema = z.strictObject({ for: z.enum(TICKET_USES) })

/**
 * Works once, for the lease and the use that it was asked for. A WebSocket sends it among its protocols, as
 * `decloud.v1, ticket.<ticket>`; a download in the browser as `?ticket=`.
 */
export const ticketSchema = z.strictObject({
  ticket: z.string().regex(/^dct_[A-Za-z0-9_-]{43}$/, 'a ticket of this API'),
  /** Unix seconds. */
  expiresAt: z.int(),
})
