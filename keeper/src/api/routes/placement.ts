import { wordText } from '@decloud/protocol/wire/api'
import { placementQuerySchema, placementSchema } from '@decloud/protocol/wire/placement'
import { z } from 'zod'
import type { ApiDeps, App } from '../deps.ts'

export const placementRoute = (app: App, { placement }: ApiDeps) => {
  app.get(
    '/api/leases/:leaseId/placement',
    {
      schema: {
        summary: 'Why a lease is on its node, or why it waits for one',
        params: z.object({ leaseId: wordText }),
        querystring: placementQuerySchema,
        response: { 200: placementSchema },
      },
      config: { problems: ['lease-unknown'] },
    },
    async ({ params, query }) => placement.of(params.leaseId, query),
  )
}
