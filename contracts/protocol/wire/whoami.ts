import { z } from 'zod'

/** `GET /api/whoami` of a keeper: the address that the request came from, IPv4 or IPv6 as text. */
export const whoamiSchema = z.strictObject({ address: z.string().max(64) })
