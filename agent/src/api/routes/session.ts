import { SESSION_ROUTES } from '@decloud/service/sign-in'
import { strange } from '../../access/sign-in.ts'
import type { ApiDeps, App } from '../deps.ts'
import { openTo, requireSession, signedInOf } from '../guard.ts'
import { knockOf } from '../knock.ts'
import { SECURITY } from '../security.ts'

export const sessionRoute = (app: App, deps: ApiDeps) => {
  const { access } = deps
  const { sessions } = access
  app.post('/v1/session/nonce', { ...openTo('anyone'), schema: SESSION_ROUTES.nonce }, async () =>
    sessions.nonce(),
  )
  app.post(
    '/v1/session/login',
    {
      ...openTo('anyone', {
        problems: ['sign-in-refused', 'nonce-invalid', 'signature-wrong', 'wallet-unknown', ...UNSURE],
      }),
      schema: {
        ...SESSION_ROUTES.login,
        summary: 'A session for a signed EIP-4361 message of a wallet that has business on this node',
      },
    },
    async (request) => {
      const { message, signature } = request.body
      const tokens = await sessions.login(message, signature)
      access.record.signedIn(tokens.address, knockOf(request))
      return tokens
    },
  )
  app.post(
    '/v1/session/refresh',
    {
      ...openTo('anyone', { problems: ['session-unknown', 'session-reused', 'wallet-unknown'] }),
      schema: SESSION_ROUTES.refresh,
    },
    async (request) => {
      const tokens = sessions.refresh(request.body.refreshToken)
      const { id, address } = sessions.authenticate(tokens.accessToken)
      // Unknown is not no: each route asks the chain itself before it gives anything.
      const has = await access.business.has(address).catch(() => true)
      if (has) return tokens
      sessions.logout(id)
      request.knownAs = address
      throw strange(address)
    },
  )
  app.get(
    '/v1/session',
    { ...requireSession(deps), schema: { ...SESSION_ROUTES.who, security: SECURITY.session } },
    async (request) => {
      const { address, expiresAt } = signedInOf(request)
      return { address, expiresAt }
    },
  )
  app.post(
    '/v1/session/logout',
    {
      ...requireSession(deps),
      schema: {
        ...SESSION_ROUTES.logout,
        summary: 'Ends the session, and with it all that it has open',
        security: SECURITY.session,
      },
    },
    async (request, reply) => {
      sessions.logout(signedInOf(request).id)
      return reply.code(204).send(null)
    },
  )
}

const UNSURE = ['sign-in-busy', 'access-unknown', 'rpc-unreachable', 'rpc-refused']
