// Every route, as a stranger, as somebody else and as its owner. The routes are asked of the server itself: one that is
// added without a line here fails.
import { SPONSOR_KINDS } from '@decloud/protocol/wire/sponsor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Local, OPERATOR, startLocal, TENANT } from '../../chain/test/local.ts'
import { STATUS } from '../src/api/codes.ts'
import type { Keeper } from '../src/index.ts'
import { type Harness, makeHarness } from './harness.ts'
import { type MarketWorld, makeMarketWorld, OTHER_TENANT, STRANGER, TEMPLATES } from './market-world.ts'
import { signIn } from './sign-in.ts'

type Who = 'stranger' | 'other' | 'owner'
type Expected = Record<Who, number>
type Asked = { path: string; body?: object; expect: Expected; owner?: number; other?: number }

const OPEN: Expected = { stranger: 200, other: 200, owner: 200 }
const PRIVATE: Expected = { stranger: 401, other: 200, owner: 200 }

let local: Local
let harness: Harness
let keeper: Keeper
let world: MarketWorld
const tokens = new Map<number, string>()

beforeAll(async () => {
  local = await startLocal()
  harness = await makeHarness(local)
  world = await makeMarketWorld(local)
  keeper = await harness.boot()
  await keeper.synced()
}, 180_000)
afterAll(async () => {
  await harness?.close()
  await local?.stop()
})

const word = `0x${'0'.repeat(63)}1`

/** `METHOD url`, as it was registered, to what is asked of it and answered to whom. */
const table = (): Record<string, Asked | 'stream'> => {
  const { active } = world.leases
  const tenant = local.anvil.account(TENANT).address
  const operator = local.anvil.account(OPERATOR).address
  const draft = {
    ...{ fee: '0', refundWindow: 0, contentHash: word, content: '0x12', uri: '' },
    minimum: { vcpus: 1, gpus: 0, memoryMiB: 256, diskGiB: 1 },
  }
  const terms = {
    ...{ tenant, node: 1, vcpus: 1, tier: 1, bandwidth: 1, gpus: 0, memoryMiB: 1_024, diskGiB: 10 },
    ...{ region: '0x0000000000000000', maxPricePerHour: '10000000', deposit: '1000000', holdBack: 60 },
    ...{ minNotice: 0, activateWithin: 900, template: 0, templateVersion: 0, maxTemplateFee: '0' },
    ...{ manifestHash: word, salt: word },
  }
  const review = { from: tenant, leaseId: active, stars: 5, title: '', comment: '' }
  const read = (path: string): Asked => ({ path, expect: OPEN })
  const mine = (path: string): Asked => ({ path, expect: PRIVATE, owner: TENANT })
  const refused = (path: string, status: number, body?: object): Asked => ({
    ...{ path, expect: { stranger: status, other: status, owner: status } },
    ...(body === undefined ? {} : { body }),
  })
  const prepared = (act: string, body: object): Asked => ({ path: `/api/prepare/${act}`, body, expect: OPEN })
  return {
    'GET /api/marketplace/nodes': read('/api/marketplace/nodes'),
    'GET /api/marketplace/nodes/featured': read('/api/marketplace/nodes/featured'),
    'GET /api/marketplace/nodes/:id': read('/api/marketplace/nodes/1'),
    'GET /api/marketplace/nodes/:id/profile': read('/api/marketplace/nodes/1/profile'),
    'GET /api/marketplace/nodes/:id/reviews': read('/api/marketplace/nodes/1/reviews'),
    'GET /api/marketplace/templates': read('/api/marketplace/templates'),
    'GET /api/marketplace/templates/featured': read('/api/marketplace/templates/featured'),
    'GET /api/marketplace/templates/my': mine('/api/marketplace/templates/my'),
    'GET /api/marketplace/templates/:slugOrId': read('/api/marketplace/templates/postgresql'),
    'GET /api/marketplace/templates/:slugOrId/versions/:version': read(
      '/api/marketplace/templates/postgresql/versions/1',
    ),
    'GET /api/marketplace/templates/:slugOrId/reviews': read('/api/marketplace/templates/1/reviews'),
    'GET /api/reviews/mine': mine('/api/reviews/mine'),
    'GET /api/leases': read('/api/leases'),
    'GET /api/leases/shared': mine('/api/leases/shared'),
    'GET /api/leases/:leaseId': read(`/api/leases/${active}`),
    'GET /api/leases/:leaseId/events': read(`/api/leases/${active}/events`),
    'GET /api/leases/:leaseId/readiness': read(`/api/leases/${active}/readiness`),
    'GET /api/leases/:leaseId/collaborators': read(`/api/leases/${active}/collaborators`),
    'GET /api/accounts/:account': read(`/api/accounts/${tenant}`),
    'GET /api/relays': read('/api/relays'),
    'GET /api/relays/stats': read('/api/relays/stats'),
    'GET /api/relays/:id': read('/api/relays/2'),
    'POST /api/relays/:id/repair': {
      ...{ path: '/api/relays/2/repair', body: { node: 1 }, owner: OPERATOR, other: TENANT },
      expect: { stranger: 401, other: 403, owner: 202 },
    },
    'GET /api/network': read('/api/network'),
    'GET /api/nodes/:id/earnings': read('/api/nodes/1/earnings'),
    'GET /api/operators/:operator/earnings': read(`/api/operators/${operator}/earnings`),
    'GET /api/flows': read('/api/flows'),
    'GET /api/analytics/:series': read('/api/analytics/capacity'),
    'GET /api/nodes/me/pricing': {
      ...{ path: '/api/nodes/me/pricing', owner: OPERATOR, other: TENANT },
      expect: { stranger: 401, other: 404, owner: 200 },
    },
    'POST /api/prepare/profile': prepared('profile', {
      from: operator,
      node: 1,
      description: 'x',
      tags: ['a'],
    }),
    'POST /api/prepare/pricing': prepared('pricing', {
      ...{ from: operator, node: 1, prices: { point: '0', memoryGiB: '0', diskGiB: '0', gpu: '0' } },
    }),
    'POST /api/prepare/publish': prepared('publish', { from: tenant, slug: 'new-one', ...draft }),
    'POST /api/prepare/open': prepared('open', { from: tenant, terms, manifest: '0x' }),
    'POST /api/prepare/review-node': prepared('review-node', review),
    'POST /api/prepare/review-template': prepared('review-template', review),
    'POST /api/session/nonce': { path: '/api/session/nonce', body: {}, expect: OPEN },
    'POST /api/session/login': {
      ...{ path: '/api/session/login', body: { message: 'let me in', signature: '0x' } },
      expect: { stranger: 400, other: 400, owner: 400 },
    },
    'POST /api/session/refresh': {
      ...{ path: '/api/session/refresh', body: { refreshToken: `dcr_${'A'.repeat(43)}` } },
      expect: { stranger: 401, other: 401, owner: 401 },
    },
    'GET /api/session': mine('/api/session'),
    'GET /health': read('/health'),
    'GET /health/live': read('/health/live'),
    'GET /api/upkeep': read('/api/upkeep'),
    'GET /api/nodes/:id/earnings.csv': read('/api/nodes/1/earnings.csv'),
    'GET /api/operators/:address/earnings.csv': read(`/api/operators/${operator}/earnings.csv`),
    'GET /api/alerts': mine('/api/alerts'),
    // Only who a lease concerns may be told of it.
    'POST /api/alerts': {
      ...{ path: '/api/alerts', body: { kind: 'ended', url: 'https://hook.example/x', leaseId: active } },
      expect: { stranger: 401, other: 403, owner: 201 },
    },
    'DELETE /api/alerts/:id': {
      ...{ path: `/api/alerts/${'A'.repeat(16)}`, expect: { stranger: 401, other: 404, owner: 404 } },
    },
    'GET /openapi.json': read('/openapi.json'),
    'GET /api/leases/:leaseId/placement': read(`/api/leases/${active}/placement`),
    'GET /api/sponsor': read('/api/sponsor'),
    'GET /api/sponsor/:id': refused(`/api/sponsor/${word}`, 404),
    'GET /api/mailbox/:leaseId': refused(`/api/mailbox/${active}`, 404),
    // What these take is signed: without a signature they refuse the owner too.
    'PUT /api/mailbox/:leaseId': refused(`/api/mailbox/${active}`, 400, {}),
    'POST /api/mailbox/:leaseId/collect': refused(`/api/mailbox/${active}/collect`, 400, {}),
    'GET /api/whoami': read('/api/whoami'),
    'POST /api/heartbeats': refused('/api/heartbeats', 400, {}),
    'POST /api/nodes/:node/facts': refused('/api/nodes/1/facts', 400, {}),
    ...Object.fromEntries(
      SPONSOR_KINDS.map((kind) => [`POST /api/sponsor/${kind}`, refused(`/api/sponsor/${kind}`, 400, {})]),
    ),
    'GET /api/events': 'stream',
    // The last: it ends the sessions that the rows above use.
    'POST /api/session/logout': {
      path: '/api/session/logout',
      expect: { stranger: 401, other: 204, owner: 204 },
    },
  }
}

const tokenOf = async (index: number): Promise<string> => {
  const known = tokens.get(index) ?? (await signIn(keeper.url, local.anvil.account(index))).accessToken
  tokens.set(index, known)
  return known
}

const ask = async (method: string, { path, body }: Asked, index: number | null) => {
  const response = await fetch(`${keeper.url}${path}`, {
    method,
    headers: {
      ...(index === null ? {} : { authorization: `Bearer ${await tokenOf(index)}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, text: await response.text() }
}

describe('every route', () => {
  it('has a line in the table, and every line a route', () => {
    const registered = keeper.routes
      .filter(({ method }) => method !== 'HEAD')
      .map(({ method, url }) => `${method} ${url}`)
    expect(registered.sort()).toEqual(Object.keys(table()).sort())
  })

  it('names problems that have a status', () => {
    const named = new Set(keeper.routes.flatMap(({ problems }) => problems))
    expect([...named].filter((code) => STATUS[code] === undefined)).toEqual([])
  })

  it('answers a stranger, another account and the owner as the table says', async () => {
    for (const [route, asked] of Object.entries(table())) {
      if (asked === 'stream') continue
      const method = route.split(' ')[0] ?? ''
      const { owner = TENANT, other = OTHER_TENANT } = asked
      const got: Expected = {
        stranger: (await ask(method, asked, null)).status,
        other: (await ask(method, asked, other)).status,
        owner: (await ask(method, asked, owner)).status,
      }
      expect({ route, ...got }).toEqual({ route, ...asked.expect })
    }
  })
})

describe('what is private', () => {
  const read = async (path: string, index: number) =>
    JSON.parse((await ask('GET', { path, expect: OPEN }, index)).text)

  it('is shown to the one account whose it is', async () => {
    tokens.clear()
    const own = await read('/api/marketplace/templates/my', OTHER_TENANT)
    expect(own.templates).toHaveLength(TEMPLATES.length + 1)
    expect((await read('/api/marketplace/templates/my', TENANT)).templates).toEqual([])
    const written = await read('/api/reviews/mine', TENANT)
    expect(written.reviews.map(({ stars }: { stars: number }) => stars).sort()).toEqual([4, 5])
    expect((await read('/api/reviews/mine', STRANGER)).reviews).toEqual([])
    const shared = await read('/api/leases/shared', 8)
    expect(shared.leases).toMatchObject([{ leaseId: world.leases.active, level: 'User' }])
    expect((await read('/api/leases/shared', TENANT)).leases).toEqual([])
    const pricing = await read('/api/nodes/me/pricing', OPERATOR)
    expect(pricing.nodes.map(({ node }: { node: number }) => node)).toEqual([1, 2, 3])
    expect(pricing.nodes[0]).toMatchObject({ hasCustomPricing: true, own: { point: '50000' } })
  })
})
