import { DecloudError } from '@decloud/protocol'
import { nodeSchema, wordText } from '@decloud/protocol/wire/api'
import { z } from 'zod'
import type { ApiDeps, App } from '../deps.ts'
import { nodeView, policyOf } from '../views.ts'

const index = z
  .string()
  .regex(/^[1-9]\d{0,9}$/)
  .transform(Number)

export const nodeRoute = (app: App, { ledger }: ApiDeps) => {
  app.get(
    '/api/marketplace/nodes/:id',
    {
      schema: {
        summary: 'One node, by its registry index or its 32-byte node id',
        params: z.object({ id: z.union([index, wordText]) }),
        response: { 200: nodeSchema },
      },
    },
    async ({ params }) => {
      const policy = policyOf(ledger)
      const row = ledger.node(params.id)
      if (row === undefined) throw new DecloudError('node-unknown', `There is no node ${params.id}.`)
      return nodeView(row, policy)
    },
  )
}
