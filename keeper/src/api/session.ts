// The guard of what is private. A route takes `...requireSession(deps)` among its options and asks `sessionOf(request)`.
import { DecloudError } from '@decloud/protocol'
import type { Session } from '@decloud/service/sign-in'
import type { FastifyRequest } from 'fastify'
import type { ApiDeps, App } from './deps.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Set on routes that require one. */
    session: Session | null
  }
}

export const decorateWithSessions = (app: App) => app.decorateRequest('session', null)

const BEARER = /^Bearer (dca_[A-Za-z0-9_-]{43})$/i

/**
 * Route options: who comes without a valid access token is told so (401) before a byte of the body is read.
 * @throws DecloudError `session-missing`, `session-unknown` at the request.
 */
export const requireSession = ({ sessions }: Pick<ApiDeps, 'sessions'>) => ({
  onRequest: async (request: FastifyRequest) => {
    const token = BEARER.exec(request.headers.authorization ?? '')?.[1]
    if (token === undefined) {
      throw new DecloudError('session-missing', 'This is answered to a signed-in wallet only.', {
        hint: 'Send `Authorization: Bearer` with an access token from /api/session/login.',
      })
    }
    request.session = sessions.authenticate(token)
  },
})

/** Who asks, on a route with `requireSession`. @throws DecloudError `session-missing` on one without. */
export const sessionOf = (request: FastifyRequest): Session => {
  if (request.session !== null) return request.session
  throw new DecloudError('session-missing', `${request.routeOptions.url ?? ''} requires no session.`)
}

/** For the `schema` of such a route. */
export const SESSION_SECURITY = [{ session: [] }]
