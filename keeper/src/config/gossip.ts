import { z } from 'zod'

const address = z
  .string()
  .regex(/^\/(ip4|ip6|dns|dns4|dns6)\/.+/, 'must be a libp2p address like /ip4/203.0.113.7/tcp/8471')
const seconds = z.coerce.number().positive().max(86_400)

/** Where beats are heard, and how often something is made of them. */
export const gossipSection = z
  .strictObject({
    enabled: z.union([z.boolean(), z.stringbool()]).default(true).describe('off: beats come over HTTP alone'),
    listen: z
      .array(address)
      .default(['/ip4/127.0.0.1/tcp/0'])
      .describe(
        'loopback, any free port, unless said otherwise: agents elsewhere need an address that stays',
      ),
    bootstrap: z
      .array(address)
      .default([])
      .describe('other keepers, peer id included: what one of them hears all of them hear'),
    attestEverySeconds: seconds
      .default(60)
      .describe('attesters look this often whether a finished day is to be posted'),
    creditEverySeconds: seconds
      .default(60)
      .describe('attesters look this often whether a tenant is owed time'),
  })
  .prefault({})
export type GossipConfig = z.output<typeof gossipSection>
