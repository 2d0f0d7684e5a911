import { DecloudError } from '@decloud/protocol'
import { leaseDetailSchema, wordText } from '@decloud/protocol/wire/api'
import { z } from 'zod'
import type { ApiDeps, App } from '../deps.ts'
import { headTime, leaseView } from '../views.ts'

export const leaseRoute = (app: App, deps: ApiDeps) => {
  app.get(
    '/api/leases/:leaseId',
    {
      schema: {
        summary: 'One lease, with its bill and runway at the newest block',
        params: z.object({ leaseId: wordText }),
        response: { 200: leaseDetailSchema },
      },
    },
    async ({ params }) => {
      const at = headTime(deps)
      const lease = deps.ledger.lease(params.leaseId)
      if (lease === undefined) throw new DecloudError('lease-unknown', `There is no lease ${params.leaseId}.`)
      return { ...leaseView(lease, at), manifest: lease.manifest }
    },
  )
}
