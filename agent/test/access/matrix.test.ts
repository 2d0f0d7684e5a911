// Everybody who has no business tries every route of a real agent, on a real chain: all refused, and all in the event log.
// The routes come from the agent itself; the rightful one is let in everywhere, so that a door that is shut to all fails.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openDatabase } from '@decloud/chain'
import { ticketSchema } from '@decloud/protocol/wire/access'
import { sessionSchema } from '@decloud/protocol/wire/session'
import type { RouteEntry } from '@decloud/service/http'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askNode } from '../../../scripts/lib/node-session.ts'
import { readOperatorToken } from '../../src/access/operator-token.ts'
import type { RouteAccess } from '../../src/api/guard.ts'
import { EVENTS_FILE } from '../../src/events/event-log.ts'
import { type Cast, makeCast } from './cast.ts'
import { type Answered, type Asked, knock } from './knock.ts'

type Guarded = { route: RouteEntry; access: RouteAccess }
type Key = { headers?: Record<string, string>; protocols?: readonly string[] }
type Intruder = { who: string; key: Key; expected: string; on?: Hex }

let cast: Cast
let tokens: Record<'viewer' | 'user' | 'manager' | 'tenant' | 'otherTenant' | 'revoked' | 'operator', string>
let stale: Record<'expired' | 'signed out' | 'rotated' | 'of a session closed by a replay', string>
let foreign: { session: string; operator: string }
let operatorToken: string

const bearer = (token: string): Key => ({ headers: { authorization: `Bearer ${token}` } })
const HOUR_MS = 3_600_000

beforeAll(async () => {
  cast = await makeCast()
  const { account, clock, here, other, signIn, grant, leaseId } = cast
  const tokenOf = async (who: Parameters<typeof signIn>[0]) => (await signIn(who)).accessToken
  const expired = await tokenOf(account.user)
  clock.aheadMs = HOUR_MS + 1_000
  const left = await tokenOf(account.user)
  await askNode(here.url, '/v1/session/logout', { token: left, body: {} })
  const rotated = await signIn(account.user)
  const refresh = (refreshToken: string) =>
    askNode(here.url, '/v1/session/refresh', { body: { refreshToken } })
  await refresh(rotated.refreshToken)
  const robbed = await signIn(account.user)
  const renewed = sessionSchema.parse(await refresh(robbed.refreshToken))
  await expect(refresh(robbed.refreshToken)).rejects.toMatchObject({ code: 'session-reused' })
  stale = {
    ...{ expired, 'signed out': left, rotated: rotated.accessToken },
    'of a session closed by a replay': renewed.accessToken,
  }
  tokens = {
    ...{ viewer: await tokenOf(account.viewer), user: await tokenOf(account.user) },
    ...{ manager: await tokenOf(account.manager), tenant: await tokenOf(account.tenant) },
    ...{ otherTenant: await tokenOf(account.otherTenant), revoked: await tokenOf(account.revoked) },
    operator: await tokenOf(account.operator),
  }
  // Let in once, so that what the node remembers of the grant is against the test.
  const seen = await askNode(here.url, `/v1/leases/${leaseId}`, { token: tokens.revoked })
  expect(seen).toMatchObject({ leaseId })
  await grant(leaseId, account.revoked, null)
  foreign = {
    session: (await signIn(account.otherTenant, other)).accessToken,
    operator: readOperatorToken(cast.other.dataDir),
  }
  operatorToken = readOperatorToken(cast.dataDir)
}, 120_000)
afterAll(() => cast?.close())

const routes = (): Guarded[] =>
  cast.agent.routes.map((route) => ({ route, access: route.config.access as RouteAccess }))
const isGuarded = ({ access }: Guarded) => ['session', 'insider', 'operator', 'lease'].includes(access.who)
const guarded = () => routes().filter(isGuarded)
const nameOf = ({ method, url }: RouteEntry) => `${method} ${url}`

const isSocket = (access: RouteAccess) =>
  access.who === 'lease' && (access.ticket === 'terminal' || access.ticket === 'console')

const asked = ({ route, access }: Guarded, key: Key, leaseId: Hex = cast.leaseId): Asked => ({
  method: route.method,
  path: route.url.replace(':leaseId', leaseId).replace(/:[A-Za-z]+|\*/g, 'x'),
  ...(key.headers === undefined ? {} : { headers: key.headers }),
  ...(['GET', 'HEAD'].includes(route.method) ? {} : { body: {} }),
  ...(isSocket(access) && route.method === 'GET' ? { upgrade: key.protocols ?? [] } : {}),
})

type Kept = { kind: string; leaseId: string | null; byWhom: string | null; details: string }

/** What the operator reads of `work` afterwards, from the file itself. */
const recorded = async <result>(work: () => Promise<result>): Promise<[result, Kept[]]> => {
  const db = openDatabase(join(cast.dataDir, EVENTS_FILE))
  try {
    const { last } = db.prepare('SELECT coalesce(max(id), 0) AS last FROM events').get() as { last: number }
    const result = await work()
    return [result, db.prepare('SELECT * FROM events WHERE id > ?').all(last) as Kept[]]
  } finally {
    db.close()
  }
}

const isOf = ({ method, url }: RouteEntry, { details }: Kept) => {
  const { method: told, route } = JSON.parse(details) as { method: string; route: string }
  return told === method && route === url
}

/** @returns what is wrong with how the route met the intruder; null for nothing. */
const meet = async (guardedRoute: Guarded, { who, key, expected, on }: Intruder): Promise<string | null> => {
  const { route } = guardedRoute
  const [answer, events] = await recorded(() => knock(cast.here.url, asked(guardedRoute, key, on)))
  const wrong = (what: string) => `${nameOf(route)} met ${who}: ${what}`
  if (answer.status < 400) return wrong(`let in with ${answer.status}`)
  if (route.method !== 'HEAD' && answer.code !== expected) return wrong(`${answer.status} ${answer.code}`)
  const kinds = events.filter((event) => isOf(route, event)).map(({ kind }) => kind)
  return kinds.includes(`refusal.${expected}`) ? null : wrong(`not in the event log: ${kinds.join()}`)
}

/** Tried one after the other, so that an event belongs to its request. */
const faults = async (all: readonly Guarded[], intruders: (of: Guarded) => readonly Intruder[]) => {
  const found: string[] = []
  for (const one of all) {
    for (const intruder of intruders(one)) {
      const wrong = await meet(one, intruder)
      if (wrong !== null) found.push(wrong)
    }
  }
  return found
}

const rightful = ({ access }: Guarded): Key => {
  if (access.who === 'operator') return bearer(operatorToken)
  if (access.who !== 'lease') return bearer(tokens.user)
  return bearer({ view: tokens.viewer, use: tokens.user, manage: tokens.manager }[access.need])
}

describe('every route', () => {
  it('says who may use it, and only the sign-in is open to anyone', () => {
    expect(guarded().length).toBeGreaterThanOrEqual(8)
    const open = routes().filter((one) => !isGuarded(one))
    expect(open.map(({ route, access }) => `${nameOf(route)}: ${access.who}`).sort()).toEqual([
      'POST /v1/leases/:leaseId/close: signed',
      'POST /v1/leases/:leaseId/orders: signed',
      'POST /v1/session/login: anyone',
      'POST /v1/session/nonce: anyone',
      'POST /v1/session/refresh: anyone',
    ])
  })

  it('is in the table of what is given to whom', async () => {
    const table = await readFile(new URL('../../../docs/agent-api.md', import.meta.url), 'utf8')
    const missing = routes()
      .map(({ route }) => nameOf(route))
      .filter((name) => !name.startsWith('HEAD ') && !table.includes(`\`${name}\``))
    expect(missing).toEqual([])
  })

  it('refuses nobody in particular, and tokens that are none, are over, or are of another agent', async () => {
    const strangers = ({ access }: Guarded): Intruder[] => [
      { who: 'nobody', key: {}, expected: 'session-missing' },
      { who: 'a made-up token', key: bearer(`dca_${'A'.repeat(43)}`), expected: 'session-unknown' },
      {
        who: 'a made-up ticket',
        key: bearer(`dct_${'A'.repeat(43)}`),
        expected: ticketCode(access, 'unknown'),
      },
      { who: "another agent's session", key: bearer(foreign.session), expected: 'session-unknown' },
      {
        ...{ who: "another agent's operator", key: bearer(foreign.operator) },
        expected: ['operator', 'insider'].includes(access.who) ? 'operator-token-wrong' : 'session-missing',
      },
      ...Object.entries(stale).map(([what, token]) => ({
        ...{ who: `a token ${what}`, key: bearer(token), expected: 'session-unknown' },
      })),
    ]
    expect(await faults(guarded(), strangers)).toEqual([])
  })

  it('refuses another name than its own and pages that it does not know, whatever they hold', async () => {
    const pages = (one: Guarded): Intruder[] =>
      (['evil.example', '127.0.0.1.evil.example:80'] as const)
        .map((host): Intruder => {
          const headers = { ...rightful(one).headers, host }
          return { who: `Host ${host}`, key: { headers }, expected: 'host-refused' }
        })
        .concat(
          ['https://evil.example', 'null', 'http://localhost.evil.example'].map((origin) => {
            const headers = { ...rightful(one).headers, origin }
            return { who: `Origin ${origin}`, key: { headers }, expected: 'origin-refused' }
          }),
        )
    expect(await faults(guarded(), pages)).toEqual([])
  })

  it('of a lease refuses other tenants, the operator, the revoked, and levels that are too low', async () => {
    const unwanted = ({ access }: Guarded): Intruder[] => {
      if (access.who !== 'lease') return []
      const unknown = { expected: 'lease-unknown' }
      const low = { view: [], use: ['viewer'], manage: ['viewer', 'user'] } as const
      return [
        { who: 'another tenant', key: bearer(tokens.otherTenant), ...unknown },
        {
          who: 'the tenant at a lease of another',
          key: bearer(tokens.tenant),
          on: cast.othersLease,
          ...unknown,
        },
        {
          who: 'a tenant at the lease of another node',
          key: bearer(tokens.otherTenant),
          on: cast.elsewhere,
          ...unknown,
        },
        { who: 'the revoked', key: bearer(tokens.revoked), ...unknown },
        { who: 'the operator by wallet', key: bearer(tokens.operator), ...unknown },
        { who: 'the operator by token', key: bearer(operatorToken), expected: 'session-missing' },
        ...low[access.need].map((level) => ({
          ...{ who: `a ${level}`, key: bearer(tokens[level]), expected: 'level-too-low' },
        })),
      ]
    }
    expect(await faults(guarded(), unwanted)).toEqual([])
  })

  it('of the operator refuses everybody who is only a tenant or a collaborator', async () => {
    const others = ({ access }: Guarded): Intruder[] =>
      access.who !== 'operator'
        ? []
        : (['viewer', 'user', 'manager', 'tenant', 'otherTenant', 'revoked'] as const).map((who) => ({
            ...{ who, key: bearer(tokens[who]), expected: 'operator-only' },
          }))
    expect(await faults(guarded(), others)).toEqual([])
  })

  it('tells of a lease that is not there and of one of somebody else alike', async () => {
    const nowhere: Hex = `0x${'ab'.repeat(32)}`
    for (const one of guarded().filter(({ access }) => access.who === 'lease')) {
      const key = bearer(tokens.otherTenant)
      const told = (answer: Answered) => ({ ...answer, headers: { ...answer.headers, date: '' } })
      const [unknown, forbidden] = await Promise.all(
        [nowhere, cast.leaseId].map((id) => knock(cast.here.url, asked(one, key, id))),
      )
      expect(told(unknown!), nameOf(one.route)).toEqual(told(forbidden!))
    }
  })

  it('lets the rightful one in', async () => {
    const shut: string[] = []
    for (const one of guarded()) {
      // One of them signs out.
      const fresh = one.access.who === 'session' ? (await cast.signIn(cast.account.user)).accessToken : null
      const keys = [fresh === null ? rightful(one) : bearer(fresh)]
      if (one.access.who === 'operator') keys.push(bearer(tokens.operator))
      if (one.access.who === 'insider') keys.push(bearer(operatorToken))
      if (one.access.who === 'lease') keys.push(bearer(tokens.tenant))
      for (const key of keys) {
        const answer = await knock(cast.here.url, asked(one, key))
        if (!isIn(one, answer)) shut.push(`${nameOf(one.route)}: ${answer.status} ${answer.code}`)
      }
    }
    expect(shut).toEqual([])
  })
})

/** What lies behind the guard may still find fault with an empty body, or have no guest to talk to. */
const isIn = ({ route }: Guarded, { status, code }: Answered): boolean => {
  if (status < 400) return true
  if (route.method === 'HEAD') return ![401, 403, 404, 421, 429].includes(status)
  return code !== null && !SHUT.has(code)
}
const SHUT = new Set([
  ...['session-missing', 'session-unknown', 'operator-only', 'operator-token-wrong', 'lease-unknown'],
  ...['level-too-low', 'access-unknown', 'host-refused', 'origin-refused', 'rate-limited', 'internal'],
  ...['ticket-unknown', 'ticket-used', 'ticket-other', 'lease-id-invalid', 'route-unknown', 'method-wrong'],
])

const ticketCode = (access: RouteAccess, what: string) =>
  access.who === 'lease' && access.ticket !== null ? `ticket-${what}` : 'session-missing'

describe('tickets', () => {
  const issue = async (use: string, leaseId: Hex, token: string) =>
    ticketSchema.parse(
      await askNode(cast.here.url, `/v1/leases/${leaseId}/tickets`, { token, body: { for: use } }),
    ).ticket

  it('open one route of one lease, once', async () => {
    const wrong: string[] = []
    for (const one of guarded()) {
      // So that those of the route before are out of the way.
      cast.clock.aheadMs += 30_000
      const { access } = one
      const use = access.who === 'lease' && access.ticket !== null ? access.ticket : 'terminal'
      const takes = access.who === 'lease' && access.ticket !== null
      const own = access.who === 'lease' && access.need === 'manage' ? tokens.manager : tokens.user
      const good = await issue(use, cast.leaseId, own)
      const key = (ticket: string): Key =>
        isSocket(access) ? { protocols: ['decloud.v1', `ticket.${ticket}`] } : bearer(ticket)
      if (takes && one.route.method !== 'HEAD') {
        const first = await knock(cast.here.url, asked(one, key(good)))
        if (!isIn(one, first))
          wrong.push(`${nameOf(one.route)}: its own ticket, ${first.status} ${first.code}`)
        const again = await meet(one, { who: 'a used ticket', key: key(good), expected: 'ticket-used' })
        if (again !== null) wrong.push(again)
      }
      const elsewhere = await issue(use, cast.othersLease, tokens.otherTenant)
      const other = await issue(use === 'console' ? 'terminal' : 'console', cast.leaseId, own)
      for (const [who, ticket] of [
        ['a ticket for another lease', elsewhere],
        ['a ticket for something else', other],
      ] as const) {
        const answer = await meet(one, { who, key: key(ticket), expected: ticketCode(access, 'other') })
        if (answer !== null) wrong.push(answer)
      }
    }
    expect(wrong).toEqual([])
  })
})
