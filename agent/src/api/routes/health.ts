import type { ApiDeps, App } from '../deps.ts'
import { requireOperator } from '../guard.ts'
import { healthSchema } from '../health.ts'
import { SECURITY } from '../security.ts'

export const healthRoute = (app: App, deps: ApiDeps) => {
  app.get(
    '/health',
    {
      ...requireOperator(deps),
      schema: {
        tags: ['node'],
        summary: 'How the node is: 503 when it is degraded, with the same body',
        security: SECURITY.operator,
        response: { 200: healthSchema, 503: healthSchema },
      },
    },
    async (_, reply) => {
      const health = await deps.health()
      return reply.code(health.status === 'ok' ? 200 : 503).send(health)
    },
  )
}
