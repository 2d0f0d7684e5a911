import { leaseListSchema, leaseStatusSchema } from '@decloud/protocol/wire/node'
import type { ApiDeps, App } from '../deps.ts'
import { notHere, requireLease, requireOperator, visitorOf } from '../guard.ts'
import { leaseReport } from '../report.ts'
import { SECURITY } from '../security.ts'
import { leaseParams } from './params.ts'

export const leasesRoute = (app: App, deps: ApiDeps) => {
  const { store } = deps
  app.get(
    '/v1/leases',
    {
      ...requireOperator(deps),
      schema: {
        tags: ['leases'],
        summary: 'Every lease that the node has a record of',
        security: SECURITY.operator,
        response: { 200: leaseListSchema },
      },
    },
    async () => ({ leases: store.all().map(leaseReport) }),
  )
  app.get(
    '/v1/leases/:leaseId',
    {
      ...requireLease(deps, 'view'),
      schema: {
        tags: ['leases'],
        summary: 'How the machine of a lease is; its tenant may look after the end as well',
        security: SECURITY.session,
        params: leaseParams,
        response: { 200: leaseStatusSchema },
      },
    },
    async (request) => {
      const vm = store.get(visitorOf(request).leaseId)
      if (vm === null) throw notHere()
      return leaseReport(vm)
    },
  )
}
