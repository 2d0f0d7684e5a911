// What a request brings to be let in, and the session that stands behind it.
import type { TicketUse } from '@decloud/protocol/wire/access'
import type { Session } from '@decloud/service/sign-in'
import type { FastifyRequest } from 'fastify'
import type { Access } from '../access.ts'
import { AgentError } from '../lib/errors.ts'
import { leaseIdIn } from './lease-id.ts'

const BEARER = /^Bearer ([a-z]{3}_[A-Za-z0-9_-]{43})$/i
const TICKET = /^dct_[A-Za-z0-9_-]{43}$/

export const bearerIn = (request: FastifyRequest): string | null =>
  BEARER.exec(request.headers.authorization ?? '')?.[1] ?? null

/**
 * Paced by its wallet; `request.knownAs` says from then on who asks.
 * @throws AgentError `session-missing`, `rate-limited`; DecloudError `session-unknown`.
 */
export const sessionIn = (access: Access, request: FastifyRequest): Session => {
  const token = bearerIn(request)
  if (token?.startsWith('dca_') !== true) throw missing()
  return known(access, request, access.sessions.authenticate(token))
}

/** The session that asked for the ticket, which is spent. @throws AgentError `ticket-…`, `session-unknown`. */
export const ticketSession = (
  access: Access,
  request: FastifyRequest,
  { ticket, leaseId, use }: { ticket: string; leaseId: string; use: TicketUse },
): Session => {
  const taken = access.tickets.take(ticket, leaseIdIn(leaseId) ?? '0x', use)
  request.knownAs = taken.address
  const session = access.sessions.find(taken.session)
  if (session === null) {
    throw new AgentError('session-unknown', 'The session that asked for the ticket is over.', {
      hint: 'Sign in again.',
    })
  }
  return known(access, request, session)
}

const known = (access: Access, request: FastifyRequest, session: Session): Session => {
  request.knownAs = session.address
  access.pace.wallet(session.address)
  return session
}

/**
 * A ticket as a browser can send one: among the protocols of a WebSocket, or in the query of a download; a program may
 * send it as a bearer.
 */
export const ticketIn = (request: FastifyRequest, use: TicketUse): string | null => {
  const protocols = request.headers['sec-websocket-protocol']?.split(',') ?? []
  const offered = protocols.map((one) => one.trim()).find((one) => one.startsWith('ticket.'))
  const asked = use === 'download' ? queryOf(request)['ticket'] : undefined
  const text = offered?.slice('ticket.'.length) ?? asked ?? bearerIn(request)
  return typeof text === 'string' && TICKET.test(text) ? text : null
}

const queryOf = ({ query }: FastifyRequest): Readonly<Record<string, unknown>> =>
  typeof query === 'object' && query !== null ? { ...query } : {}

const missing = () =>
  new AgentError('session-missing', 'This is answered only to those who say who they are.', {
    hint: 'Send `Authorization: Bearer` with an access token from /v1/session/login.',
  })
