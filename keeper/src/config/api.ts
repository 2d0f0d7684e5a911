import { type Address, getAddress } from 'viem'
import { z } from 'zod'

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'an address is 0x and 40 hex digits')
  .transform((text): Address => getAddress(text))
const count = (least: number, most: number) => z.coerce.number().int().min(least).max(most)

/** The HTTP API: what it is called from outside, whom it believes, and how much one caller gets. */
export const apiSection = z
  .strictObject({
    /** The URL under which clients reach this API, as wallets show it at sign-in. Without one: the URL it listens on. */
    publicUrl: z.url({ protocol: /^https?$/, error: 'must be an http(s) URL' }).optional(),
    /** Hosts (`app.example`, `localhost:*`) whose pages may sign in. Without any: the host of `publicUrl`. */
    signInDomains: z.array(z.string().min(1).max(255)).max(50).default([]),
    /** Addresses or CIDR ranges of the proxies whose `X-Forwarded-For` is believed; none by default. */
    trustedProxies: z.array(z.string().min(1)).max(50).default([]),
    /** Requests that one address may make in a minute, in all and on routes that ask a wallet or the chain. */
    requestsPerMinute: count(1, 10_000_000).default(600),
    costlyRequestsPerMinute: count(1, 1_000_000).default(30),
    /** Live streams at once, in all and from one address. */
    maxStreams: count(1, 100_000).default(1_000),
    maxStreamsPerAddress: count(1, 100_000).default(10),
    /** Connections at once, streams included. */
    maxConnections: count(1, 1_000_000).default(4_000),
    /** Accounts whose signed `audited` gives a node that badge; anybody can sign an attribute. */
    auditors: z.array(address).max(50).default([]),
    /** Bytes of ready answers kept in memory. */
    cacheBytes: count(0, 1_000_000_000).default(32_000_000),
  })
  .prefault({})
export type ApiConfig = z.output<typeof apiSection>
