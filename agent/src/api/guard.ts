// Who gets in. A route takes `...requireLease(deps, need)`, `...requireOperator(deps)` or `...requireSession(deps)` among
// its options; the few that are open say so. One that says nothing is not registered: see `declareAccess`.
import type { TicketUse } from '@decloud/protocol/wire/access'
import type { Session } from '@decloud/service/sign-in'
import type { FastifyContextConfig, FastifyInstance, FastifyRequest } from 'fastify'
import type { Access } from '../access.ts'
import { allows, type Level, type Need } from '../domain/access.ts'
import { AgentError } from '../lib/errors.ts'
import type { Visitor } from '../ports/visitor.ts'
import { bearerIn, sessionIn, ticketIn, ticketSession } from './credentials.ts'
import { knockOf } from './knock.ts'
import { leaseIdIn } from './lease-id.ts'

/**
 * `anyone`: the sign-in itself. `signed`: the body carries the signature that lets it in. `insider`: any session, or the
 * operator's token.
 */
export type RouteAccess =
  | { who: 'anyone' | 'signed' | 'session' | 'operator' | 'insider' }
  | { who: 'lease'; need: Need; ticket: TicketUse | null }

/** `session`: the id of the visitor's session, for tickets that end with it. */
type Guest = Visitor & { readonly session: string }

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: RouteAccess
  }
  interface FastifyRequest {
    visitor: Guest | null
    signedIn: Session | null
    /** Who asks, as far as it was proved; for the record of a refusal. */
    knownAs: string | null
  }
}

type Deps = { access: Access }
/** The rest of the route's `config`. */
type More = Omit<FastifyContextConfig, 'access'>

/** To be called before any route. @throws AgentError `route-open` at the registration of a route that says nothing. */
export const declareAccess = (app: FastifyInstance): void => {
  app.decorateRequest('visitor', null)
  app.decorateRequest('signedIn', null)
  app.decorateRequest('knownAs', null)
  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.access !== undefined) return
    throw new AgentError('route-open', `${[method].flat().join()} ${url} does not say who may use it.`)
  })
}

/** For a route whose request proves by what is in its body who may use it, or that gives nothing but the way in. */
export const openTo = (who: 'anyone' | 'signed', more: More = {}) => ({
  config: declare({ who }, more, who === 'anyone' ? DOORS : ['host-refused']),
})

const DOORS = ['host-refused', 'origin-refused']

/** @param problems with which the guard itself may answer. */
const declare = (access: RouteAccess, more: More, problems: readonly string[]) => ({
  ...more,
  access,
  problems: [...problems, ...(more.problems ?? [])],
})

/**
 * Route options: a signed-in wallet whose level at the lease of `:leaseId` allows what the route does; the level is
 * the chain's. With `ticket`, such a ticket serves in the place of the session's token.
 * @throws DecloudError at the request, before a byte of the body is read: `session-missing`, `session-unknown`,
 *   `ticket-…`, `lease-id-invalid`, `lease-unknown` whether there is no such lease or none for this wallet,
 *   `level-too-low`, `access-unknown`, `rate-limited`.
 */
export const requireLease = (
  { access }: Deps,
  need: Need,
  { ticket: use = null, ...more }: More & { ticket?: TicketUse | null } = {},
) => ({
  config: declare({ who: 'lease', need, ticket: use }, more, [
    ...[...DOORS, 'lease-id-invalid', 'lease-unknown', 'level-too-low', 'access-unknown'],
    ...(use === null ? [] : ['ticket-unknown', 'ticket-used', 'ticket-other']),
  ]),
  onRequest: async (request: FastifyRequest) => {
    const text = leaseIdOf(request)
    const ticket = use === null ? null : ticketIn(request, use)
    const session =
      use === null || ticket === null
        ? sessionIn(access, request)
        : ticketSession(access, request, { ticket, leaseId: text, use })
    const leaseId = leaseIdIn(text)
    if (leaseId === null) throw badLeaseId()
    const { id, address, expiresAt: until } = session
    const level = await access.levels.of(leaseId, address)
    if (level === null) throw notHere()
    if (!allows(level, need)) throw tooLow(level, need)
    const still = async () => {
      if (access.sessions.find(id) === null) return false
      const now = await access.levels.of(leaseId, address).catch(() => null)
      return now !== null && allows(now, need)
    }
    request.visitor = { address, leaseId, session: id, level, until, still }
    const visit = ticket === null ? `${id}:${leaseId}:${need}` : null
    const what = `${address} (${level}) ${ticket === null ? `came to ${need}` : `came by a ticket for ${use}`}.`
    access.record.entered(what, visit, knockOf(request), { by: address, leaseId })
  },
})

/** Route options: the operator of this node, by the token of its data folder or signed in with the operator's wallet. */
export const requireOperator = ({ access }: Deps, more: More = {}) => ({
  config: declare({ who: 'operator' }, more, [
    ...[...DOORS, 'operator-only', 'operator-token-wrong', 'access-unknown'],
  ]),
  onRequest: async (request: FastifyRequest) => {
    const knock = knockOf(request)
    const token = bearerIn(request)
    if (token?.startsWith('dco_') === true) {
      if (!access.isOperatorToken(token)) throw wrongToken()
      request.knownAs = 'operator'
      access.record.entered("The operator's token was used.", `operator:${knock.caller}`, knock, {
        ...{ by: 'operator', leaseId: null },
      })
      return
    }
    const { id, address } = sessionIn(access, request)
    if (!(await access.levels.isOperator(address))) throw notOperator()
    access.record.entered(`${address} came as the operator.`, `operator:${id}`, knock, {
      ...{ by: address, leaseId: null },
    })
  },
})

/** Route options: any wallet that has signed in here. */
export const requireSession = ({ access }: Deps, more: More = {}) => ({
  config: declare({ who: 'session' }, more, DOORS),
  onRequest: async (request: FastifyRequest) => {
    request.signedIn = sessionIn(access, request)
  },
})

/** Route options: any wallet that has signed in here, or the operator by the token of the data folder. */
export const requireInsider = (deps: Deps, more: More = {}) => {
  const [operator, session] = [requireOperator(deps), requireSession(deps)]
  return {
    config: declare({ who: 'insider' }, more, [...DOORS, 'operator-token-wrong']),
    onRequest: (request: FastifyRequest) =>
      bearerIn(request)?.startsWith('dco_') === true
        ? operator.onRequest(request)
        : session.onRequest(request),
  }
}

/** On a route with `requireLease`. @throws AgentError `route-open` on another. */
export const visitorOf = (request: FastifyRequest): Guest => request.visitor ?? unguarded(request)
/** On a route with `requireSession`. @throws AgentError `route-open` on another. */
export const signedInOf = (request: FastifyRequest): Session => request.signedIn ?? unguarded(request)

const unguarded = (request: FastifyRequest): never => {
  throw new AgentError('route-open', `${request.routeOptions.url ?? ''} lets nobody in.`)
}

const leaseIdOf = ({ params }: FastifyRequest): string =>
  typeof params === 'object' && params !== null && 'leaseId' in params ? String(params.leaseId) : ''

const badLeaseId = () => new AgentError('lease-id-invalid', 'A lease id is 0x and 64 hex digits.')

/** Alike for a lease that is not here and for one of somebody else. */
export const notHere = () =>
  new AgentError('lease-unknown', 'This node has no such lease for you.', {
    hint: 'Ask the node that the chain names, as its tenant or as a collaborator.',
  })

const tooLow = (level: Level, need: Need) =>
  new AgentError('level-too-low', `A ${level} may not do this: it takes the right to ${need}.`, {
    hint: 'Ask the tenant of the lease for a higher level.',
  })

const wrongToken = () =>
  new AgentError('operator-token-wrong', "This is not the operator's token of this node.", {
    hint: 'It is in the data folder of the agent, in operator-token.',
  })

const notOperator = () =>
  new AgentError('operator-only', 'This is for the operator of the node alone.', {
    hint: "Send the node's operator token, or sign in with the operator's wallet.",
  })
