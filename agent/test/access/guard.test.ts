// What the guard tells a route of who came, and what becomes of it: sessions that end, grants that are taken back, a chain
// that does not answer, callers that are too fast. Routes of this test's own on the real server, before a real chain.
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { leaseAccessAbi, nodeSignInMessage } from '@decloud/protocol'
import { ticketSchema } from '@decloud/protocol/wire/access'
import { type ApiSession, sessionSchema, signInSchema } from '@decloud/protocol/wire/session'
import { encodeFunctionData, type Hex, type LocalAccount } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { makeLevels } from '../../src/access/levels.ts'
import { makePace, PACE_LIMITS, type PaceLimits } from '../../src/access/pace.ts'
import { openTo, requireLease, visitorOf } from '../../src/api/guard.ts'
import { makeServer } from '../../src/api/server.ts'
import { type Context, makeContext } from '../../src/context.ts'
import { EVENTS_FILE } from '../../src/events/event-log.ts'
import { readEvents } from '../../src/events/event-reader.ts'
import { makeFakeHypervisor } from '../../src/hypervisor/fake/driver.ts'
import { makeDisposer } from '../../src/lib/disposer.ts'
import { makeLogger } from '../../src/lib/log.ts'
import type { Visitor } from '../../src/ports/visitor.ts'
import { type Bench, makeBench, until } from '../helpers/node.ts'
import { PLENTIFUL } from '../helpers/resources.ts'
import { makeRpcSwitch, type RpcSwitch } from '../helpers/rpc-switch.ts'
import { knock } from './knock.ts'

const HOST = '127.0.0.1:7070'
const HOURS = 24
const SOON = { timeout: 20_000 }

let bench: Bench
let rpc: RpcSwitch
let context: Context
let app: Awaited<ReturnType<typeof serve>>
let leaseId: Hex
let aheadMs = 0
const visitors: Visitor[] = []
const disposer = makeDisposer((error) => {
  throw error
})
const log = makeLogger('silent')

beforeAll(async () => {
  bench = await makeBench({ faults: { bootMs: 50 } })
  rpc = await makeRpcSwitch(bench.anvil.rpcUrl)
  context = await makeContext({ ...bench.config, rpcUrls: [rpc.url] }, bench.secrets, log, disposer, {
    hypervisor: makeFakeHypervisor(bench.machine, bench.instance),
    ...{ machine: PLENTIFUL, sweepMs: 500, nowMs: () => Date.now() + aheadMs },
  })
  context.reconciler.start()
  context.access.names.listensAt(`http://${HOST}`)
  app = await serve(context.access)
  await app.listen({ host: '127.0.0.1', port: 0 })
  leaseId = await bench.open({ hours: HOURS })
  const vm = { vm: (id: Hex) => context.deps.store.get(id), onVm: context.subscribe }
  await until(vm, leaseId, ({ status }) => status === 'Running')
  for (const [index, level] of [
    [40, 2],
    [41, 2],
    [42, 2],
    [43, 2],
  ] as const)
    await onAccess('grant', [leaseId, bench.anvil.account(index).address, level])
}, 120_000)
afterAll(async () => {
  await app?.close()
  await disposer.dispose()
  await rpc?.close()
  await bench?.close()
})

/** The real server with two more routes: one that remembers its visitors, one whose handler says too much. */
const serve = async (access: Context['access'], trustedProxies: readonly string[] = []) => {
  const health = async () => {
    throw new Error('the socket /var/run/private is closed')
  }
  const served = await makeServer({ ...context.served, access, health, trustedProxies }, log)
  served.get(
    '/v1/leases/:leaseId/probe',
    { ...requireLease({ access }, 'use', { ticket: 'terminal' }) },
    async (request, reply) => {
      visitors.push(visitorOf(request))
      return reply.code(204).send()
    },
  )
  const schema = { response: { 200: z.strictObject({ named: z.string() }) } }
  served.get('/v1/talkative', { ...openTo('anyone'), schema }, async () =>
    Object.assign({ named: 'yes' }, { secret: 'no' }),
  )
  return served
}

const onAccess = async (functionName: 'grant' | 'revoke', args: readonly unknown[]) => {
  await bench.tenant.journal.send({
    ...{ kind: functionName, dedupe: `${functionName}:${args.join()}`, to: bench.deployment.leaseAccess! },
    data: encodeFunctionData({ abi: leaseAccessAbi as readonly unknown[], functionName, args }),
  })
}

type Headers = Record<string, string>
type Method = 'GET' | 'HEAD' | 'POST' | 'PUT'

/** Over a socket, under the name that the sign-in is for, wherever the server listens. */
const askAt = async (
  server: typeof app,
  method: Method,
  path: string,
  headers: Headers = {},
  body?: object,
) => {
  const asked = { method, path, headers: { host: HOST, ...headers }, ...(body === undefined ? {} : { body }) }
  const answer = await knock(server.listeningOrigin, asked)
  return { ...answer, statusCode: answer.status, json: () => JSON.parse(answer.body) }
}
const ask = (...asked: [method: Method, path: string, headers?: Headers, body?: object]) =>
  askAt(app, ...asked)
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const probe = (token: string) => ask('GET', `/v1/leases/${leaseId}/probe`, bearer(token))
const post = (path: string, payload: object, token?: string) =>
  ask('POST', path, token === undefined ? {} : bearer(token), payload)

const signIn = async (who: LocalAccount): Promise<ApiSession> => {
  const offer = signInSchema.parse((await post('/v1/session/nonce', {})).json())
  const message = nodeSignInMessage({
    ...{ deployment: bench.deployment, node: bench.registered.node, address: who.address },
    ...{ domain: HOST, offer, issuedAt: new Date() },
  })
  const login = { message, signature: await who.signMessage({ message }) }
  return sessionSchema.parse((await post('/v1/session/login', login)).json())
}

/** Whom the route was told of by this request. */
const visitorBy = async (token: string): Promise<Visitor> => {
  expect((await probe(token)).statusCode).toBe(204)
  return visitors.at(-1)!
}

describe('a visitor', () => {
  it('is who signed in, with the level of the chain, for as long as the session is renewed', async () => {
    const who = bench.anvil.account(40)
    const session = await signIn(who)
    const visitor = await visitorBy(session.accessToken)
    expect(visitor).toMatchObject({
      address: who.address,
      leaseId,
      level: 'user',
      until: session.accessExpiresAt,
    })
    expect(await visitor.still()).toBe(true)
    const renewed = sessionSchema.parse(
      (await post('/v1/session/refresh', { refreshToken: session.refreshToken })).json(),
    )
    expect(await visitor.still(), 'a renewed session goes on').toBe(true)
    await post('/v1/session/logout', {}, renewed.accessToken)
    expect(await visitor.still()).toBe(false)
  })

  it('is none any more once the tenant has revoked the grant', async () => {
    const who = bench.anvil.account(41)
    const visitor = await visitorBy((await signIn(who)).accessToken)
    expect(await visitor.still()).toBe(true)
    await onAccess('revoke', [leaseId, who.address])
    await expect.poll(() => visitor.still(), SOON).toBe(false)
  })

  it('who came by a ticket goes with the session that asked for it', async () => {
    const { accessToken } = await signIn(bench.anvil.account(42))
    const issue = async () =>
      ticketSchema.parse(
        (await post(`/v1/leases/${leaseId}/tickets`, { for: 'terminal' }, accessToken)).json(),
      )
    const enter = (ticket: string) =>
      ask('GET', `/v1/leases/${leaseId}/probe`, { 'sec-websocket-protocol': `decloud.v1, ticket.${ticket}` })
    const [first, second, late] = [await issue(), await issue(), await issue()]
    expect((await enter(first.ticket)).statusCode).toBe(204)
    const visitor = visitors.at(-1)!
    expect(await visitor.still()).toBe(true)
    expect((await enter(first.ticket)).json()).toMatchObject({ status: 401, code: 'ticket-used' })
    const inQuery = await ask('GET', `/v1/leases/${leaseId}/probe?ticket=${second.ticket}`)
    expect(inQuery.json(), 'only a download takes it in its URL').toMatchObject({ code: 'session-missing' })
    await post('/v1/session/logout', {}, accessToken)
    expect(await visitor.still()).toBe(false)
    expect((await enter(second.ticket)).json()).toMatchObject({ status: 401, code: 'session-unknown' })
    aheadMs += 30_000
    expect((await enter(late.ticket)).json()).toMatchObject({ status: 401, code: 'ticket-unknown' })
  })

  it('is refused while the chain cannot be read, and nothing stays open on what it once said', async () => {
    const { accessToken } = await signIn(bench.anvil.account(43))
    const visitor = await visitorBy(accessToken)
    rpc.cut()
    aheadMs += 10_001
    const unknown = (await probe(accessToken)).json()
    expect(unknown).toMatchObject({ status: 503, code: 'access-unknown' })
    expect(unknown.detail).toMatch(/cannot be read now/)
    expect(await visitor.still()).toBe(false)
    rpc.restore()
    await expect.poll(async () => (await probe(accessToken)).statusCode, SOON).toBe(204)
    expect(await visitor.still()).toBe(true)
  })

  it('is refused on the word of an RPC that has stopped', async () => {
    const { chain } = bench.tenant
    const head = { height: 1n, hash: leaseId, parent: leaseId, timestamp: 0n }
    for (const state of ['stale', 'disagreeing'] as const) {
      const node = bench.registered.node
      const levels = makeLevels({ chain, node, health: () => ({ state, head }), nowMs: Date.now })
      const asked = levels.of(leaseId, bench.tenant.account.address)
      await expect(asked, state).rejects.toMatchObject({ code: 'access-unknown' })
    }
  })

  it('is none an hour later, without having been renewed', async () => {
    const { accessToken } = await signIn(bench.tenant.account)
    const visitor = await visitorBy(accessToken)
    expect(visitor.level).toBe('tenant')
    aheadMs += 3_600_000
    expect(await visitor.still()).toBe(false)
    expect((await probe(accessToken)).json()).toMatchObject({ code: 'session-unknown' })
  })
})

describe('the server', () => {
  it('registers no route that does not say who may use it', async () => {
    const fresh = await serve(context.access)
    expect(() => fresh.get('/v1/forgotten', async () => 'all')).toThrow(/does not say who may use it/)
    await fresh.close()
  })

  it('sends what the schema names and nothing else, and keeps what went wrong inside', async () => {
    expect((await ask('GET', '/v1/talkative')).json()).toEqual({ named: 'yes' })
    const operator = await signIn(bench.anvil.account(bench.registered.operator))
    const broken = await ask('GET', '/health', bearer(operator.accessToken))
    expect(broken.json()).toMatchObject({ status: 500, code: 'internal' })
    expect(broken.body).not.toContain('/var/run')
  })

  it('tells methods and paths that are none from those that are, and answers HEAD like GET', async () => {
    const put = await ask('PUT', '/v1/session/login')
    expect(put.json()).toMatchObject({ status: 405, code: 'method-wrong' })
    expect(put.headers['allow']).toBe('POST, OPTIONS')
    expect((await ask('GET', '/v1/leases/..%2f..%2fetc/passwd')).json()).toMatchObject({
      code: 'route-unknown',
    })
    expect((await ask('GET', '/v1/leases/%zz')).json()).toMatchObject({
      status: 400,
      code: 'request-invalid',
    })
    expect((await ask('GET', `/${'x'.repeat(9_000)}`)).json()).toMatchObject({ status: 414 })
    const { accessToken } = await signIn(bench.tenant.account)
    const head = await ask('HEAD', `/v1/leases/${leaseId}`, bearer(accessToken))
    expect([head.statusCode, head.body]).toEqual([200, ''])
    for (const answer of [put, head]) {
      expect(answer.headers['cache-control']).toBe('no-store')
      expect(answer.headers['x-content-type-options']).toBe('nosniff')
    }
  })

  it('hangs up on every upgrade that it refuses', async () => {
    const { port } = new URL(app.listeningOrigin)
    const held = async (path: string, host: string): Promise<string> => {
      const socket = connect(Number(port), '127.0.0.1')
      const parts: Buffer[] = []
      socket.on('data', (part) => parts.push(part))
      socket.write(
        [`GET ${path} HTTP/1.1`, `Host: ${host}`, 'Connection: Upgrade', 'Upgrade: websocket']
          .concat('Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${'A'.repeat(22)}==`, '', '')
          .join('\r\n'),
      )
      await once(socket, 'close', { signal: AbortSignal.timeout(10_000) })
      return /^HTTP\/1.1 (\d{3})/.exec(Buffer.concat(parts).toString())?.[1] ?? 'nothing'
    }
    const terminal = `/v1/leases/${leaseId}/terminal`
    expect(await held(terminal, HOST)).toBe('401')
    expect(await held(terminal, 'evil.example')).toBe('421')
    expect(await held(`/v1/leases/${leaseId}`, HOST)).toBe('401')
    expect(await held('/v1/nothing', HOST)).toBe('404')
    expect(await held('/v1/%zz', HOST)).toBe('400')
  })

  it('describes itself to whoever has signed in', async () => {
    const { accessToken } = await signIn(bench.tenant.account)
    const document = (await ask('GET', '/v1/openapi.json', bearer(accessToken))).json()
    expect(document).toMatchObject({ openapi: '3.1.0' })
    expect(Object.keys(document.paths)).toContain('/v1/leases/{leaseId}')
  })
})

describe('who asks too often', () => {
  const paced = async (limits: Partial<PaceLimits>, trustedProxies: readonly string[] = []) => {
    const pace = makePace({ ...PACE_LIMITS, ...limits })
    const slow = await serve({ ...context.access, pace }, trustedProxies)
    await slow.listen({ host: '127.0.0.1', port: 0 })
    return {
      close: () => slow.close(),
      get: (headers: Headers) => askAt(slow, 'GET', '/v1/session', headers),
      nonce: (headers: Headers = {}) => askAt(slow, 'POST', '/v1/session/nonce', headers),
    }
  }
  const from = (forwardedFor: string) => ({ 'x-forwarded-for': forwardedFor })

  it('is told to wait, and does not use up what a signed-in wallet at the same address has', async () => {
    const { accessToken } = await signIn(bench.tenant.account)
    const server = await paced({ refusals: 3, perWallet: 5 })
    const codes: unknown[] = []
    for (let i = 0; i < 5; i++) codes.push((await server.get({})).json().code)
    expect(codes).toEqual([...Array(3).fill('session-missing'), 'rate-limited', 'rate-limited'])
    for (let i = 0; i < 5; i++) expect((await server.get(bearer(accessToken))).statusCode).toBe(200)
    const sixth = await server.get(bearer(accessToken))
    expect(sixth.json()).toMatchObject({ status: 429, code: 'rate-limited' })
    expect(Number(sixth.headers['retry-after'])).toBeGreaterThan(0)
    await server.close()
  })

  it('cannot try sign-ins at will', async () => {
    const server = await paced({ signIns: 4 })
    const statuses: number[] = []
    for (let i = 0; i < 6; i++) statuses.push((await server.nonce()).statusCode)
    expect(statuses).toEqual([200, 200, 200, 200, 429, 429])
    await server.close()
  })

  it('is whom a proxy names that the operator trusts, and nobody else can name another', async () => {
    const server = await paced({ signIns: 2 }, ['192.0.2.0/24', '127.0.0.1'])
    const as = async (forwardedFor: string) => (await server.nonce(from(forwardedFor))).statusCode
    expect([await as('198.51.100.7'), await as('198.51.100.7')]).toEqual([200, 200])
    // What stands before the address that the proxy saw is its client's invention.
    expect([await as('198.51.100.7'), await as('203.0.113.9, 198.51.100.7')]).toEqual([429, 429])
    expect(await as('198.51.100.8')).toBe(200)
    expect(await as('198.51.100.9, 192.0.2.80'), 'two proxies, one behind the other').toBe(200)
    const [refusal] = readEvents(join(bench.config.dataDir, EVENTS_FILE), { kinds: ['refusal'], most: 1 })
    expect(refusal).toMatchObject({ details: { caller: '198.51.100.7' } })
    await server.close()

    const bare = await paced({ signIns: 2 })
    const named = async (name: string) => (await bare.nonce(from(name))).statusCode
    expect([await named('198.51.100.1'), await named('198.51.100.2')]).toEqual([200, 200])
    expect(await named('198.51.100.3')).toBe(429)
    await bare.close()
  })
})
