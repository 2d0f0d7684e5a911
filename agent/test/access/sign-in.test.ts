// The doors that are open by themselves: signing in, and what carries a signature of its own.
import { join } from 'node:path'
import { openDatabase } from '@decloud/chain'
import { nodeSignInMessage, ORDER_LIFE } from '@decloud/protocol'
import { sessionSchema, signInSchema } from '@decloud/protocol/wire/session'
import type { LocalAccount } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askNode } from '../../../scripts/lib/node-session.ts'
import { signClose } from '../../../scripts/lib/orders.ts'
import { EVENTS_FILE } from '../../src/events/event-log.ts'
import { signedBy } from '../helpers/orders.ts'
import { type Cast, makeCast } from './cast.ts'
import { knock } from './knock.ts'

let cast: Cast
beforeAll(async () => {
  cast = await makeCast()
}, 120_000)
afterAll(() => cast?.close())

const post = async (path: string, body: unknown) => {
  const { status, code, body: text } = await knock(cast.here.url, { method: 'POST', path, body })
  return { status, code, text }
}
const login = async (who: LocalAccount, message: string) =>
  post('/v1/session/login', { message, signature: await who.signMessage({ message }) })

type Kept = { kind: string; byWhom: string | null; leaseId: string | null }

const NEWEST = `SELECT kind, byWhom, leaseId FROM events
  WHERE kind LIKE 'refusal.%' OR kind LIKE 'access.%' ORDER BY id DESC LIMIT 1`

/** The newest of who came and who was refused, as the operator reads it. */
const newest = (): Kept => {
  const db = openDatabase(join(cast.dataDir, EVENTS_FILE))
  try {
    return db.prepare(NEWEST).get() as Kept
  } finally {
    db.close()
  }
}

/** A message as a wallet signs it, but for what `change` makes of its parts. */
const message = async (change: Partial<Parameters<typeof nodeSignInMessage>[0]>, uri?: string) => {
  const offer = signInSchema.parse(await askNode(cast.here.url, '/v1/session/nonce', { body: {} }))
  return nodeSignInMessage({
    deployment: cast.bench.deployment,
    node: cast.here.node,
    address: cast.account.tenant.address,
    domain: new URL(cast.here.url).host,
    issuedAt: new Date(),
    offer: uri === undefined ? offer : { ...offer, uri },
    ...change,
  })
}

describe('signing in', () => {
  it('is for the operator, tenants and collaborators of a lease of this node alone', async () => {
    const { tenant, viewer, operator, stranger } = cast.account
    for (const who of [tenant, viewer, operator]) {
      expect((await cast.signIn(who)).address).toBe(who.address)
      expect(newest()).toEqual({ kind: 'access.signed-in', byWhom: who.address, leaseId: null })
    }
    const refused = await login(stranger, await cast.messageFor(stranger))
    expect(refused).toMatchObject({ status: 403, code: 'wallet-unknown' })
    expect(newest().kind).toBe('refusal.wallet-unknown')
    const away = cast.bench.anvil.account(cast.bench.registered.agent)
    expect(await login(away, await cast.messageFor(away)), "the node's own hot key").toMatchObject({
      code: 'wallet-unknown',
    })
  })

  it('takes a message once, for this node, this API, this chain and pages it knows, signed by its account', async () => {
    const { tenant, stranger } = cast.account
    const { body } = await cast.signIn(tenant)
    expect(await post('/v1/session/login', body)).toMatchObject({ status: 400, code: 'nonce-invalid' })
    expect(newest().kind).toBe('refusal.nonce-invalid')
    const bad = [
      ['passed on by another node', await message({ node: cast.other.node })],
      ['of another API', await message({}, cast.other.url)],
      ['of another chain', await message({ deployment: { ...cast.bench.deployment, chainId: 1 } })],
      ['of a page that is not known', await message({ domain: 'evil.example' })],
      ['of the future', await message({ issuedAt: new Date(Date.now() + 3_600_000) })],
    ] as const
    for (const [what, text] of bad) {
      expect(await login(tenant, text), what).toMatchObject({ status: 400, code: 'sign-in-refused' })
      expect(newest().kind, what).toBe('refusal.sign-in-refused')
    }
    const theirs = await message({})
    expect(await login(stranger, theirs)).toMatchObject({ status: 401, code: 'signature-wrong' })
    expect(newest()).toMatchObject({ kind: 'refusal.signature-wrong', byWhom: null })
    const nonce = signInSchema.parse(await askNode(cast.other.url, '/v1/session/nonce', { body: {} }))
    const withForeign = await message({ offer: { ...nonce, uri: cast.here.url } })
    expect(await login(tenant, withForeign), "another node's nonce").toMatchObject({ code: 'nonce-invalid' })
  })

  it('closes a session whose refresh token comes twice, and says so to the operator', async () => {
    const first = await cast.signIn(cast.account.viewer)
    const refresh = (refreshToken: string) => post('/v1/session/refresh', { refreshToken })
    const next = sessionSchema.parse(JSON.parse((await refresh(first.refreshToken)).text))
    expect(await refresh(first.refreshToken)).toMatchObject({ status: 401, code: 'session-reused' })
    expect(newest().kind).toBe('refusal.session-reused')
    expect(await refresh(next.refreshToken)).toMatchObject({ status: 401, code: 'session-unknown' })
    expect(await refresh(`dcr_${'A'.repeat(43)}`)).toMatchObject({ status: 401, code: 'session-unknown' })
  })

  it('is over for a collaborator who has no lease here any more', async () => {
    const { revoked } = cast.account
    const { refreshToken } = await cast.signIn(revoked)
    await cast.grant(cast.leaseId, revoked, null)
    const refused = async () => (await post('/v1/session/refresh', { refreshToken })).code
    // The node has seen the block before it says so: what it remembers stands for ten seconds at most.
    await expect
      .poll(async () => (await login(revoked, await cast.messageFor(revoked))).code, {
        timeout: 20_000,
      })
      .toBe('wallet-unknown')
    expect(await refused()).toBe('wallet-unknown')
    expect(newest()).toMatchObject({ kind: 'refusal.wallet-unknown', byWhom: revoked.address })
    expect(await refused(), 'the session is closed').toMatch(/session-(unknown|reused)/)
  })
})

describe('what carries its own signature', () => {
  const order = (who: LocalAccount, change: { nowMs?: number; node?: number } = {}) =>
    signedBy(
      cast.bench,
      who,
      {
        ...{ leaseId: cast.leaseId, action: 'Stop' },
        ...(change.node === undefined ? {} : { node: change.node }),
      },
      change.nowMs === undefined ? {} : { nowMs: change.nowMs },
    )
  const path = (verb: string, leaseId: string = cast.leaseId) => `/v1/leases/${leaseId}/${verb}`
  const wire = ({ nonce, deadline, ...rest }: Awaited<ReturnType<typeof signClose>>) => ({
    ...{ ...rest, nonce: String(nonce), deadline: String(deadline) },
  })
  const nowhere = `0x${'ab'.repeat(32)}`

  it('is refused from everybody who has no say, as if there were no such lease, and told', async () => {
    const { stranger, otherTenant, viewer, user, revoked, operator, tenant } = cast.account
    const chain = cast.bench.tenant.chain
    const closing = async (who: LocalAccount) =>
      wire(await signClose({ chain, account: who }, cast.leaseId, 2n ** 40n))
    const unknown = { status: 404, code: 'lease-unknown' }
    const noOrder = await post(path('orders', nowhere), await order(tenant))
    const noClose = await post(path('close', nowhere), await closing(tenant))
    expect([noOrder, noClose]).toMatchObject([unknown, unknown])
    for (const who of [stranger, otherTenant, viewer, user, revoked, operator]) {
      expect(await post(path('orders'), await order(who)), who.address).toEqual(noOrder)
      expect(newest()).toMatchObject({ kind: 'refusal.lease-unknown', leaseId: cast.leaseId })
      expect(await post(path('close'), await closing(who)), who.address).toEqual(noClose)
      expect(newest()).toMatchObject({ kind: 'refusal.lease-unknown', leaseId: cast.leaseId })
    }
  })

  it('is refused when it is empty, too late, for another node, or came before; under another name nothing is heard', async () => {
    const { tenant } = cast.account
    const told = async (body: unknown, code: string) => {
      expect((await post(path('orders'), body)).code).toBe(code)
      expect(newest().kind).toBe(`refusal.${code}`)
    }
    await told({}, 'request-invalid')
    await told(await order(tenant, { nowMs: Date.now() - 2 * ORDER_LIFE * 1_000 }), 'order-expired')
    await told(await order(tenant, { node: cast.other.node }), 'order-other-node')
    const good = await order(tenant)
    const rebound = { method: 'POST', path: path('orders'), body: good, headers: { host: 'evil.example' } }
    expect(await knock(cast.here.url, rebound)).toMatchObject({ status: 421, code: 'host-refused' })
    expect(await post(path('orders'), good)).toMatchObject({ status: 202 })
    await told(good, 'order-replayed')
  })
})
