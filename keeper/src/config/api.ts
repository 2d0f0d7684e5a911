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
    publicUrl: z
      .url({ protocol: /^https?$/, error: 'must be an http(s) URL' })
      .optional()
      .describe(
        'the URL under which clients reach this API, as wallets show it at sign-in; without one: the URL it listens on',
      ),
    signInDomains: z
      .array(z.string().min(1).max(255))
      .max(50)
      .default([])
      .describe(
        'hosts (`app.example`, `localhost:*`) whose pages may sign in; without any: the host of `publicUrl`',
      ),
    trustedProxies: z
      .array(z.string().min(1))
      .max(50)
      .default([])
      .describe(
        'addresses or CIDR ranges of the proxies whose `X-Forwarded-For` is believed; none by default',
      ),
    requestsPerMinute: count(1, 10_000_000)
      .default(600)
      .describe('requests that one address may make in a minute'),
    costlyRequestsPerMinute: count(1, 1_000_000)
      .default(30)
      .describe('the same on routes that ask a wallet or the chain'),
    maxStreams: count(1, 100_000).default(1_000).describe('live streams at once'),
    maxStreamsPerAddress: count(1, 100_000).default(10).describe('live streams at once from one address'),
    maxConnections: count(1, 1_000_000).default(4_000).describe('connections at once, streams included'),
    stallSeconds: count(30, 3_600)
      .default(60)
      .describe('a connection on which nothing moves for so long is cut off'),
    auditors: z
      .array(address)
      .max(50)
      .default([])
      .describe('accounts whose signed `audited` gives a node that badge; anybody can sign an attribute'),
    cacheBytes: count(0, 1_000_000_000).default(32_000_000).describe('bytes of ready answers kept in memory'),
  })
  .prefault({})
export type ApiConfig = z.output<typeof apiSection>
