import { SESSION_ROUTES } from '@decloud/service/sign-in'
import type { ApiDeps, App } from '../deps.ts'
import { requireSession, SESSION_SECURITY, sessionOf } from '../session.ts'

export const sessionRoute = (app: App, deps: ApiDeps) => {
  const { sessions } = deps
  app.post('/api/session/nonce', { schema: SESSION_ROUTES.nonce }, async () => sessions.nonce())
  app.post(
    '/api/session/login',
    {
      schema: SESSION_ROUTES.login,
      config: {
        costly: true,
        problems: [
          'sign-in-refused',
          'nonce-invalid',
          'signature-wrong',
          'sign-in-busy',
          'rpc-unreachable',
          'rpc-refused',
        ],
      },
    },
    async ({ body }) => sessions.login(body.message, body.signature),
  )
  app.post(
    '/api/session/refresh',
    {
      schema: SESSION_ROUTES.refresh,
      config: { problems: ['session-unknown', 'session-reused'] },
    },
    async ({ body }) => sessions.refresh(body.refreshToken),
  )
  app.get(
    '/api/session',
    { ...requireSession(deps), schema: { ...SESSION_ROUTES.who, security: SESSION_SECURITY } },
    async (request) => {
      const { address, expiresAt } = sessionOf(request)
      return { address, expiresAt }
    },
  )
  app.post(
    '/api/session/logout',
    { ...requireSession(deps), schema: { ...SESSION_ROUTES.logout, security: SESSION_SECURITY } },
    async (request, reply) => {
      sessions.logout(sessionOf(request).id)
      return reply.code(204).send(null)
    },
  )
}
