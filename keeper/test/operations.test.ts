// A keeper as its operator meets it: what it logs, shows and says when things go wrong.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Local, startLocal } from '../../chain/test/local.ts'
import { type FaultyRpc, makeFaultyRpc } from './faulty-rpc.ts'
import { getJson, type Harness, keyOf, makeHarness, until } from './harness.ts'

const RPC_KEY = 'S3cr3t-Of-A-Provider'
const TOKEN = 'token-for-the-scraper-1'

let local: Local
let harness: Harness
let rpc: FaultyRpc
beforeAll(async () => {
  local = await startLocal()
  harness = await makeHarness(local)
  rpc = await makeFaultyRpc(local.anvil.rpcUrl, `/v2/${RPC_KEY}`)
})
afterAll(async () => {
  await rpc?.close()
  await harness?.close()
  await local?.stop()
})

it('never shows a secret of its configuration, whatever fails', async () => {
  const config = {
    ...harness.raw({ rpcUrls: [rpc.url], settleEverySeconds: 0.2, auditEverySeconds: 0.2 }),
    logLevel: 'debug',
    metrics: { token: TOKEN },
  }
  const keeper = await harness.spawnKeeper(config, { DECLOUD_KEEPER_PRIVATE_KEY: keyOf(local) })
  const [, url] = await keeper.says(/"url":"(http:[^"]+)"/)
  await until(async () => (await fetch(`${url}/health`)).status === 200, 'the keeper is ok')
  const faults = [
    { refusal: `unknown key ${RPC_KEY}` },
    { status: 500, body: rpc.url },
    { status: 429 },
    { body: `no: ${RPC_KEY}` },
    { hang: true },
  ]
  for (const fault of faults) {
    rpc.set(fault)
    await fetch(`${url}/api/leases/nonsense`, { headers: { authorization: `Bearer ${TOKEN}` } })
    await delay(700)
  }
  await rpc.close()
  const before = keeper.output().length
  await until(() => keeper.output().length > before, 'the fault is logged')
  const health = await (await fetch(`${url}/health`)).text()
  keeper.child.kill('SIGTERM')
  expect((await keeper.ended).code).toBe(0)
  const said = keeper.output() + health
  expect(said).toMatch(/rpc-/)
  for (const secret of [RPC_KEY, TOKEN, keyOf(local), keyOf(local).slice(2)]) {
    expect(said.toLowerCase()).not.toContain(secret.toLowerCase())
  }
  for (const line of keeper.output().trim().split('\n')) expect(() => JSON.parse(line), line).not.toThrow()
})

it('shows its figures to whoever has the token, and routes by pattern', async () => {
  const keeper = await harness.boot({ metrics: { token: TOKEN } })
  await keeper.synced()
  for (let i = 0; i < 40; i++) await fetch(`${keeper.url}/api/leases/0x${i.toString(16).padStart(64, '0')}`)
  await fetch(`${keeper.url}/nowhere/${TOKEN}`)
  const metricsUrl = keeper.metricsUrl!
  expect((await fetch(metricsUrl)).status).toBe(401)
  expect((await fetch(metricsUrl, { headers: { authorization: 'Bearer wrong-token-wrong' } })).status).toBe(
    401,
  )
  const headers = { authorization: `Bearer ${TOKEN}` }
  expect((await fetch(metricsUrl.replace('/metrics', '/other'), { headers })).status).toBe(404)
  const templates = `${keeper.url}/api/marketplace/templates`
  const etag = (await fetch(templates)).headers.get('etag')!
  for (let i = 0; i < 3; i++) await fetch(templates)
  expect((await fetch(templates, { headers: { 'if-none-match': etag } })).status).toBe(304)
  const leaving = new AbortController()
  await fetch(`${keeper.url}/api/events`, { signal: leaving.signal })
  const read = async () => (await fetch(metricsUrl, { headers })).text()
  expect(await read()).toContain('decloud_keeper_api_requests_in_flight 1\n')
  leaving.abort()
  await until(
    async () => (await read()).includes('decloud_keeper_api_requests_in_flight 0\n'),
    'whoever left is no request any more',
  )
  const text = await read()
  expect(text).toMatch(
    /api_request_seconds_count\{method="GET",route="\/api\/leases\/:leaseId",status="4xx"\} 40\n/,
  )
  const counted = (status: string) =>
    Number(
      new RegExp(
        `api_ready_answers_total\\{route="/api/marketplace/templates",status="${status}"\\} (\\d+)`,
      ).exec(text)?.[1],
    )
  expect([counted('2xx'), counted('3xx')]).toEqual([3, 1])
  expect(text).toContain('decloud_keeper_feed_state{state="live"} 1\n')
  expect(text).toContain('decloud_keeper_feed_lag_blocks 0\n')
  expect(text).toMatch(
    /decloud_keeper_rpc_calls_total\{host="127.0.0.1:\d+",method="eth_[^"]+",outcome="ok"\} \d+/,
  )
  for (const name of ['gas_coins', 'disk_free_bytes', 'store_bytes', 'journal_in_flight', 'loop_rounds']) {
    expect(text).toMatch(new RegExp(`^decloud_keeper_${name}(\\{.*\\})? \\d`, 'm'))
  }
  expect(text).toContain('nodejs_eventloop_lag_seconds')
  expect(text).not.toContain(TOKEN)
  expect(text.split('\n').length).toBeLessThan(1_500)
})

it('is stale, not dead, without its RPC, and says why', async () => {
  const own = await makeFaultyRpc(local.anvil.rpcUrl)
  const keeper = await harness.boot({ rpcUrls: [own.url] })
  await keeper.synced()
  await until(() => keeper.health.report().status === 'ok', 'it is ok')
  own.set({ status: 503 })
  await until(() => keeper.health.report().lastError !== null, 'the failure is seen')
  expect((await getJson(`${keeper.url}/health/live`)).status).toBe(200)
  expect(keeper.health.report().lastError?.code).toBe('rpc-unreachable')
  own.set({})
  await until(() => keeper.health.report().lastError === null, 'it recovers')
  await own.close()
})
