import { leasesQuerySchema, leasesSchema } from '@decloud/protocol/wire/api'
import type { ApiDeps, App } from '../deps.ts'
import { headTime, leaseView } from '../views.ts'

export const leasesRoute = (app: App, deps: ApiDeps) => {
  app.get(
    '/api/leases',
    {
      schema: {
        summary: 'Leases, newest first, a page at a time',
        querystring: leasesQuerySchema,
        response: { 200: leasesSchema },
      },
    },
    async ({ query }) => {
      const at = headTime(deps)
      const { leases, next } = deps.ledger.leases(query)
      return { leases: leases.map((lease) => leaseView(lease, at)), next }
    },
  )
}
