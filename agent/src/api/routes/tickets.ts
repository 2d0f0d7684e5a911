import { ticketAskSchema, ticketSchema } from '@decloud/protocol/wire/access'
import type { ApiDeps, App } from '../deps.ts'
import { requireLease, visitorOf } from '../guard.ts'
import { SECURITY } from '../security.ts'
import { leaseParams } from './params.ts'

export const ticketsRoute = (app: App, deps: ApiDeps) => {
  app.post(
    '/v1/leases/:leaseId/tickets',
    {
      ...requireLease(deps, 'use', { problems: ['tickets-full'] }),
      schema: {
        tags: ['access'],
        summary: 'A ticket for what a browser opens without headers of its own: 30 seconds, one use',
        security: SECURITY.session,
        params: leaseParams,
        body: ticketAskSchema,
        response: { 200: ticketSchema },
      },
    },
    async (request) => {
      const { address, leaseId, session } = visitorOf(request)
      return deps.access.tickets.issue({ session, address, leaseId, use: request.body.for })
    },
  )
}
