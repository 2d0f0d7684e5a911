import { whoamiSchema } from '@decloud/protocol/wire/whoami'
import type { App } from '../deps.ts'

/** IPv4 as a socket of both kinds writes it. */
const MAPPED = /^::ffff:(?=\d+\.)/i

/** For a node that wants to know whether it sits behind NAT. Tells callers nothing but their own address. */
export const whoamiRoute = (app: App) => {
  app.get(
    '/api/whoami',
    {
      schema: {
        tags: ['nodes'],
        summary: 'The address that a request comes from, as this keeper sees it',
        response: { 200: whoamiSchema },
      },
    },
    async ({ ip }, reply) => {
      reply.header('cache-control', 'no-store')
      return { address: ip.replace(MAPPED, '') }
    },
  )
}
