import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { toHex } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { AGENT, type Local, OPERATOR, startLocal, TENANT } from '../../chain/test/local.ts'
import type { KeeperConfigInput } from '../src/index.ts'
import { type Harness, makeHarness, until } from './harness.ts'
import { isSigned, type Receiver, startReceiver } from './hooks.ts'
import { signIn } from './sign-in.ts'

const STRANGER = 5
const HOUR = 3_600
let local: Local
let harness: Harness
let receiver: Receiver

beforeAll(async () => {
  local = await startLocal()
  await local.register()
  await local.fund(TENANT, 1_000_000_000n)
})
afterAll(() => local?.stop())
beforeEach(async () => {
  harness = await makeHarness(local)
  receiver = await startReceiver()
})
afterEach(async () => {
  await harness.close()
  await receiver.close()
})

const boot = (alerts: KeeperConfigInput['alerts'] = {}, change: Partial<KeeperConfigInput> = {}) =>
  harness.boot({
    alerts: { testLoopback: true, everySeconds: 0.05, firstRetrySeconds: 0.05, ...alerts },
    ...change,
  })
const call = async (method: string, url: string, token: string | null, body?: object) => {
  const response = await fetch(url, {
    method,
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  // Tests read what they expect of a body; a wrong shape fails there.
  return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Record<string, never> }
}
const tokenOf = async (url: string, account: number) =>
  (await signIn(url, local.anvil.account(account))).accessToken
const register = async (url: string, token: string, body: object) => {
  const answer = await call('POST', `${url}/api/alerts`, token, body)
  expect(answer).toMatchObject({ status: 201, body: { disabled: null } })
  return answer.body as unknown as { id: string; secret: string }
}
const running = async (deposit = 2_000_000n) => {
  const leaseId = await local.open(TENANT, 1, { deposit })
  await local.escrow(AGENT, 'activate', [leaseId, toHex(7, { size: 32 })])
  return leaseId
}
const mine = (blocks: number) => local.anvil.client.mine({ blocks })

describe('an alert', () => {
  it('tells once that a lease runs low, and again after a top-up ran low in its turn', async () => {
    const dataDir = harness.freshFolder()
    const { url } = await boot({}, { dataDir })
    const token = await tokenOf(url, TENANT)
    const leaseId = await running()
    const view = async () =>
      (await call('GET', `${url}/api/leases/${leaseId}`, null)).body as unknown as { runwaySeconds: number }
    await until(async () => (await view()).runwaySeconds > 0, 'indexed')
    const { runwaySeconds } = await view()
    const hook = { kind: 'runway', url: `${receiver.url}/low`, leaseId }
    const { secret } = await register(url, token, { ...hook, thresholdSeconds: runwaySeconds - HOUR })
    expect(receiver.at('/low')).toEqual([])
    await local.anvil.moveTime(HOUR + 60)
    await until(() => receiver.at('/low').length > 0, 'told')
    const [first] = receiver.at('/low')
    expect(isSigned(first!, secret)).toBe(true)
    expect(isSigned({ ...first!, text: first!.text.replace('runway', 'ended') }, secret)).toBe(false)
    expect(first!.event).toMatchObject({ kind: 'runway', leaseId, node: 1, chainId: 31_337 })
    expect(first!.headers['decloud-event']).toBe(first!.event.id)
    expect(Math.abs(Number(first!.headers['decloud-timestamp']) - Date.now() / 1_000)).toBeLessThan(10)
    // Further blocks, further rounds, the same crossing.
    for (let i = 0; i < 3; i++) await local.anvil.moveTime(60)
    await local.escrow(TENANT, 'topUp', [leaseId, 1_000_000n])
    await until(async () => (await view()).runwaySeconds > runwaySeconds, 'topped up')
    const more = (await view()).runwaySeconds
    // A crossing back that no round saw is none.
    const books = new Sqlite(join(dataDir, 'local.sqlite'), { readonly: true })
    await until(() => books.prepare('SELECT 1 FROM alerts_told').get() === undefined, 'armed again')
    books.close()
    await local.anvil.moveTime(more - runwaySeconds + HOUR + 60)
    await until(() => receiver.at('/low').length > 1, 'told again')
    const events = receiver.at('/low').map(({ event }) => event.id)
    expect(new Set(events).size).toBe(2)
    expect(events.length).toBe(2)
  })

  it('tells of an end once it is final, to tenant and operator, for all leases of an account too', async () => {
    const { url } = await boot()
    const leaseId = await running()
    const before = await running()
    await local.escrow(TENANT, 'close', [before, local.anvil.account(TENANT).address])
    await mine(3)
    await until(
      async () =>
        (await call('GET', `${url}/api/leases/${before}`, null)).body['status'] === ('Ended' as never),
      'indexed',
    )
    await local.anvil.moveTime(10)
    const tenant = await tokenOf(url, TENANT)
    const operator = await tokenOf(url, OPERATOR)
    await register(url, tenant, { kind: 'ended', url: `${receiver.url}/one`, leaseId })
    await register(url, tenant, { kind: 'ended', url: `${receiver.url}/past`, leaseId: before })
    await register(url, operator, { kind: 'ended', url: `${receiver.url}/operator`, leaseId })
    await register(url, tenant, { kind: 'ended', url: `${receiver.url}/all` })
    await until(() => receiver.at('/past').length === 1, 'an end of before, asked for by name')
    await local.escrow(TENANT, 'close', [leaseId, local.anvil.account(TENANT).address])
    await until(
      async () =>
        (await call('GET', `${url}/api/leases/${leaseId}`, null)).body['status'] === ('Ended' as never),
      'ended',
    )
    // Not final yet: a reorg could take it back.
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(receiver.at('/one')).toEqual([])
    await mine(4)
    await until(() => receiver.at('/one').length === 1 && receiver.at('/operator').length === 1, 'told')
    expect(receiver.at('/one')[0]!.event).toMatchObject({ leaseId, reason: 'ClosedByTenant' })
    expect(receiver.at('/one')[0]!.event.refunded).toBeGreaterThan(0n)
    const all = () => receiver.at('/all').filter(({ event }) => event.leaseId === leaseId)
    await until(() => all().length === 1, 'told of all')
    await mine(3)
    expect(
      [receiver.at('/one'), receiver.at('/operator'), receiver.at('/past'), all()].map((at) => at.length),
    ).toEqual([1, 1, 1, 1])
  })

  it('is delivered until it arrives, with one id, across a restart', async () => {
    const dataDir = harness.freshFolder()
    const first = await boot({}, { dataDir })
    const token = await tokenOf(first.url, TENANT)
    const leaseId = await running()
    await until(
      async () => (await call('GET', `${first.url}/api/leases/${leaseId}`, null)).status === 200,
      'indexed',
    )
    receiver.answer(() => 503)
    await register(first.url, token, { kind: 'ended', url: `${receiver.url}/hook`, leaseId })
    await local.escrow(TENANT, 'close', [leaseId, local.anvil.account(TENANT).address])
    await mine(4)
    await until(() => receiver.at('/hook').length >= 2, 'two attempts')
    await first.close()
    receiver.answer(() => 204)
    const before = receiver.at('/hook').length
    await boot({}, { dataDir })
    await until(() => receiver.at('/hook').length > before, 'delivered')
    expect(new Set(receiver.at('/hook').map(({ event }) => event.id)).size).toBe(1)
  })

  it.each([
    ['after so many attempts', 500, /3 attempts failed; the last: the receiver answered 500/, 3],
    ['for a redirect, which is not followed', 302, /the receiver answered 302/, 3],
    ['at once when the receiver is gone', 410, /410 Gone/, 1],
  ])('is switched off %s, and says why', async (_, status, why, attempts) => {
    const { url } = await boot({ maxAttempts: 3 })
    const token = await tokenOf(url, TENANT)
    const leaseId = await running()
    await until(async () => (await call('GET', `${url}/api/leases/${leaseId}`, null)).status === 200, 'seen')
    receiver.answer(() => status)
    await register(url, token, { kind: 'ended', url: `${receiver.url}/hook`, leaseId })
    await local.escrow(TENANT, 'close', [leaseId, local.anvil.account(TENANT).address])
    await mine(4)
    const disabled = async () => {
      const { alerts } = (await call('GET', `${url}/api/alerts`, token)).body as unknown as {
        alerts: { disabled: string | null }[]
      }
      return alerts[0]!.disabled
    }
    await until(async () => (await disabled()) !== null, 'switched off')
    expect(await disabled()).toMatch(why)
    expect(receiver.at('/hook').length).toBe(attempts)
    expect(receiver.at('/elsewhere')).toEqual([])
  })
})

describe('who may', () => {
  it('register, see and remove: each account its own, strangers nothing', async () => {
    const { url } = await boot({ perAccount: 2 })
    const [tenant, stranger, operator] = await Promise.all(
      [TENANT, STRANGER, OPERATOR].map((account) => tokenOf(url, account)),
    )
    const leaseId = await running()
    await until(async () => (await call('GET', `${url}/api/leases/${leaseId}`, null)).status === 200, 'seen')
    const alerts = `${url}/api/alerts`
    const ofLease = { kind: 'ended', url: `${receiver.url}/hook`, leaseId }
    const ofNode = { kind: 'offline', url: `${receiver.url}/hook`, node: 1 }
    for (const method of ['GET', 'POST']) {
      expect(await call(method, alerts, null, method === 'POST' ? ofLease : undefined)).toMatchObject({
        status: 401,
        body: { code: 'session-missing' },
      })
    }
    const forbidden = { status: 403, body: { code: 'alert-forbidden' } }
    expect(await call('POST', alerts, stranger!, ofLease)).toMatchObject(forbidden)
    expect(await call('POST', alerts, stranger!, ofNode)).toMatchObject(forbidden)
    const { id, secret } = await register(url, tenant!, ofLease)
    await register(url, tenant!, ofNode)
    await register(url, operator!, ofNode)
    expect(await call('POST', alerts, tenant!, ofLease)).toMatchObject({
      status: 429,
      body: { code: 'alerts-full' },
    })
    const seen = async (token: string) =>
      ((await call('GET', alerts, token)).body as unknown as { alerts: unknown[] }).alerts
    expect(await seen(tenant!)).toHaveLength(2)
    expect(await seen(operator!)).toHaveLength(1)
    expect(await seen(stranger!)).toEqual([])
    expect(JSON.stringify(await seen(tenant!))).not.toContain(secret)
    const unknown = { status: 404, body: { code: 'alert-unknown' } }
    expect(await call('DELETE', `${alerts}/${id}`, stranger!)).toMatchObject(unknown)
    expect(await call('DELETE', `${alerts}/${id}`, operator!)).toMatchObject(unknown)
    expect((await call('DELETE', `${alerts}/${id}`, null)).status).toBe(401)
    expect(await seen(tenant!)).toHaveLength(2)
    expect((await call('DELETE', `${alerts}/${id}`, tenant!)).status).toBe(204)
    expect(await seen(tenant!)).toHaveLength(1)
    const missing = { ...ofLease, leaseId: `0x${'7'.repeat(64)}` }
    expect(await call('POST', alerts, operator!, missing)).toMatchObject({ status: 404 })
    expect(await call('POST', alerts, operator!, { ...ofNode, node: 99 })).toMatchObject({ status: 404 })
  })

  it('be told where: public https hosts, and nothing near the keeper', async () => {
    const { url } = await boot({ testLoopback: false })
    const token = await tokenOf(url, TENANT)
    for (const hook of [
      'http://example.com/hook',
      'https://127.0.0.1/hook',
      'https://[::1]/hook',
      'https://10.1.2.3/hook',
      'https://169.254.169.254/latest/meta-data',
      'https://[::ffff:169.254.169.254]/',
      'https://user:secret@example.com/',
      'https://example.com:22/',
      'https://0x7f000001/',
      'ftp://example.com/',
      'nonsense',
    ]) {
      const answer = await call('POST', `${url}/api/alerts`, token, { kind: 'ended', url: hook })
      expect({ hook, ...answer }).toMatchObject({ hook, status: 422, body: { code: 'alert-url' } })
    }
    await register(url, token, { kind: 'ended', url: 'https://example.com/hook' })
  })
})
