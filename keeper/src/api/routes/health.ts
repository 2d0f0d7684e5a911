import { healthSchema, livenessSchema } from '@decloud/protocol/wire/health'
import type { ApiDeps, App } from '../deps.ts'

export const healthRoute = (app: App, { health }: ApiDeps) => {
  app.get(
    '/health',
    {
      schema: {
        summary: 'Whether the answers of this keeper are those of the chain now; 503 unless they are',
        response: { 200: healthSchema, 503: healthSchema },
      },
    },
    async (_, reply) => {
      const report = health.report()
      return reply.code(report.status === 'ok' ? 200 : 503).send(report)
    },
  )
  app.get(
    '/health/live',
    {
      schema: {
        summary: 'Whether the process works at all; 503: start it anew. One that is merely behind is alive',
        response: { 200: livenessSchema, 503: livenessSchema },
      },
    },
    async (_, reply) => {
      const life = health.life()
      return reply.code(life.alive ? 200 : 503).send(life)
    },
  )
}
