import { alertBodySchema, alertsSchema, newAlertSchema } from '@decloud/protocol/wire/alerts'
import { z } from 'zod'
import type { ApiDeps, App } from '../deps.ts'
import { requireSession, SESSION_SECURITY, sessionOf } from '../session.ts'

const TAGS = ['alerts']
const REGISTER_PROBLEMS = [
  'alert-url',
  'alert-forbidden',
  'alerts-full',
  'alerts-off',
  'lease-unknown',
  'node-unknown',
]

export const alertsRoute = (app: App, deps: ApiDeps) => {
  const { alerts } = deps
  const common = { tags: TAGS, security: SESSION_SECURITY }
  app.post(
    '/api/alerts',
    {
      ...requireSession(deps),
      schema: {
        ...common,
        summary: 'Registers a webhook; the answer holds the secret that signs its deliveries, this once',
        body: alertBodySchema,
        response: { 201: newAlertSchema },
      },
      config: { problems: REGISTER_PROBLEMS, costly: true },
    },
    async (request, reply) => reply.code(201).send(alerts.register(sessionOf(request).address, request.body)),
  )
  app.get(
    '/api/alerts',
    {
      ...requireSession(deps),
      schema: { ...common, summary: 'The webhooks of whoever is signed in', response: { 200: alertsSchema } },
    },
    async (request) => ({ alerts: alerts.of(sessionOf(request).address) }),
  )
  app.delete(
    '/api/alerts/:id',
    {
      ...requireSession(deps),
      schema: {
        ...common,
        summary: 'Removes a webhook of whoever is signed in, and what waits to be delivered to it',
        params: z.object({ id: z.string().regex(/^[A-Za-z0-9_-]{16}$/) }),
        response: { 204: z.null() },
      },
      config: { problems: ['alert-unknown'], costly: true },
    },
    async (request, reply) => {
      alerts.remove(sessionOf(request).address, request.params.id)
      return reply.code(204).send(null)
    },
  )
}
