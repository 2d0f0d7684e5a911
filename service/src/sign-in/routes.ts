// What the routes of a session take and answer, in every service that wallets sign in to. Their paths, who may ask, and what
// else a service does on the way are its own.
import {
  loginSchema,
  refreshSchema,
  sessionSchema,
  signInSchema,
  whoSchema,
} from '@decloud/protocol/wire/session'
import { z } from 'zod'

const tags = ['session']

export const SESSION_ROUTES = {
  nonce: { tags, summary: 'What a wallet has to sign to sign in', response: { 200: signInSchema } },
  login: {
    tags,
    summary: 'A session for a signed EIP-4361 message; contract wallets (ERC-1271) too',
    body: loginSchema,
    response: { 200: sessionSchema },
  },
  refresh: {
    tags,
    summary: 'The next pair of tokens; a refresh token works once',
    body: refreshSchema,
    response: { 200: sessionSchema },
  },
  who: { tags, summary: 'Who is signed in', response: { 200: whoSchema } },
  logout: { tags, summary: 'Ends the session', response: { 204: z.null() } },
}
