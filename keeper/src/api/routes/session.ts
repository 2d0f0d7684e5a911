import {
  loginSchema,
  refreshSchema,
  sessionSchema,
  signInSchema,
  whoSchema,
} from '@decloud/protocol/wire/session'
import { z } from 'zod'
import type { ApiDeps, App } from '../deps.ts'
import { requireSession, SESSION_SECURITY, sessionOf } from '../session.ts'

const TAGS = ['session']

export const sessionRoute = (app: App, deps: ApiDeps) => {
  const { sessions } = deps
  app.post(
    '/api/session/nonce',
    {
      schema: {
        tags: TAGS,
        summary: 'What a wallet has to sign to sign in',
        response: { 200: signInSchema },
      },
    },
    async () => sessions.nonce(),
  )
  app.post(
    '/api/session/login',
    {
      schema: {
        tags: TAGS,
        summary: 'A session for a signed EIP-4361 message; contract wallets (ERC-1271) too',
        body: loginSchema,
        response: { 200: sessionSchema },
      },
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
      schema: {
        tags: TAGS,
        summary: 'The next pair of tokens; a refresh token works once',
        body: refreshSchema,
        response: { 200: sessionSchema },
      },
      config: { problems: ['session-unknown', 'session-reused'] },
    },
    async ({ body }) => sessions.refresh(body.refreshToken),
  )
  app.get(
    '/api/session',
    {
      ...requireSession(deps),
      schema: {
        tags: TAGS,
        summary: 'Who is signed in',
        security: SESSION_SECURITY,
        response: { 200: whoSchema },
      },
    },
    async (request) => {
      const { address, expiresAt } = sessionOf(request)
      return { address, expiresAt }
    },
  )
  app.post(
    '/api/session/logout',
    {
      ...requireSession(deps),
      schema: {
        tags: TAGS,
        summary: 'Ends the session',
        security: SESSION_SECURITY,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      sessions.logout(sessionOf(request).id)
      return reply.code(204).send(null)
    },
  )
}
