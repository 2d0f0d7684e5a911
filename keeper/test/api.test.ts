import {
  leaseDetailSchema,
  leaseEventsSchema,
  leasesSchema,
  nodeSchema,
  nodesSchema,
} from '@decloud/protocol/wire/api'
import { type Hex, toHex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AGENT, type Local, OPERATOR, startLocal, TENANT } from '../../chain/test/local.ts'
import { startRpcProxy } from '../../chain/test/rpc-proxy.ts'
import type { Keeper } from '../src/index.ts'
import { getJson, type Harness, makeHarness, until } from './harness.ts'

let local: Local
let harness: Harness
let keeper: Keeper
let ids: Hex[]

beforeAll(async () => {
  local = await startLocal()
  harness = await makeHarness(local)
  await local.register('https://one.example')
  await local.register('https://two.example')
  const dear = { point: 50_000n, memoryGiB: 50_000n, diskGiB: 1_000n, gpu: 100_000n }
  await local.registry(OPERATOR, 'setPrices', [1, dear])
  await local.fund(TENANT, 1_000_000_000n)
  ids = []
  for (let i = 0; i < 5; i++) ids.push(await local.open(TENANT, 1))
  await local.escrow(AGENT, 'activate', [ids[0]!, toHex(7, { size: 32 })])
  keeper = await harness.boot()
  await keeper.synced()
  await until(async () => (await fetch(`${keeper.url}/health`)).status === 200, 'healthy')
})
afterAll(async () => {
  await harness?.close()
  await local?.stop()
})

describe('GET /api/marketplace/nodes', () => {
  const nodes = async (query: string) =>
    nodesSchema.parse((await getJson(`${keeper.url}/api/marketplace/nodes${query}`)).body).nodes

  it('sorts by price and by free capacity, and shows what is left', async () => {
    expect((await nodes('')).map((node) => node.node)).toEqual([2, 1])
    expect((await nodes('?sort=capacity')).map((node) => node.node)).toEqual([2, 1])
    const [, one] = await nodes('')
    expect(one).toMatchObject({ hasCustomPricing: true, region: 'eu-west', endpoint: 'https://one.example' })
    expect(one!.free.pointUnits).toBe(12_000n - 5n * 8n)
    expect(one!.free.memoryMiB).toBe(1_000_000n - 5n * 1_024n)
  })

  it('filters by region and by price', async () => {
    const [cheap] = await nodes('')
    expect(await nodes('?region=us-east')).toEqual([])
    expect((await nodes('?region=eu-west')).length).toBe(2)
    expect((await nodes(`?maxPrice=${cheap!.referencePricePerHour}`)).map((node) => node.node)).toEqual([2])
    expect(await nodes(`?maxPrice=${cheap!.referencePricePerHour - 1n}`)).toEqual([])
  })

  it('gives one by index and by id; 404 and 400 as problems', async () => {
    const one = nodeSchema.parse((await getJson(`${keeper.url}/api/marketplace/nodes/1`)).body)
    const same = nodeSchema.parse((await getJson(`${keeper.url}/api/marketplace/nodes/${one.nodeId}`)).body)
    expect(same).toEqual(one)
    const none = await getJson(`${keeper.url}/api/marketplace/nodes/77`)
    expect(none.status).toBe(404)
    expect(none.headers.get('content-type')).toContain('application/problem+json')
    expect(none.body).toMatchObject({ code: 'node-unknown', status: 404 })
    const bad = await getJson(`${keeper.url}/api/marketplace/nodes?sort=name&maxPrice=-1`)
    expect(bad.status).toBe(400)
    expect(bad.body).toMatchObject({ code: 'request-invalid' })
    expect(bad.body['errors']).toHaveLength(2)
  })
})

describe('GET /api/leases', () => {
  it('pages through all, newest first, each once', async () => {
    const seen: Hex[] = []
    let next: string | null = ''
    while (next !== null) {
      const cursor: string = next === '' ? '' : `&cursor=${next}`
      const page = leasesSchema.parse((await getJson(`${keeper.url}/api/leases?limit=2${cursor}`)).body)
      seen.push(...page.leases.map((lease) => lease.leaseId))
      next = page.next
    }
    expect(seen).toEqual([...ids].reverse())
    expect((await getJson(`${keeper.url}/api/leases?cursor=nonsense`)).body).toMatchObject({
      code: 'cursor-invalid',
    })
  })

  it('tells what happened to one, oldest first, each once however it is paged', async () => {
    const page = async (query: string) =>
      leaseEventsSchema.parse((await getJson(`${keeper.url}/api/leases/${ids[0]}/events?${query}`)).body)
    const whole = await page('limit=200')
    expect(whole.next).toBeNull()
    const names = whole.events.map(({ name }) => name)
    expect(names).toEqual(['LeaseRequested', 'LeaseAssigned', 'LeaseActivated'])
    const told: typeof whole.events = []
    for (let next: string | null = ''; next !== null && told.length <= whole.events.length; ) {
      const one = await page(`limit=1${next === '' ? '' : `&cursor=${next}`}`)
      told.push(...one.events)
      next = one.next
    }
    expect(told).toEqual(whole.events)
  })

  it('filters by tenant, node and status', async () => {
    const count = async (query: string) =>
      leasesSchema.parse((await getJson(`${keeper.url}/api/leases?${query}`)).body).leases.length
    const tenant = local.anvil.account(TENANT).address
    expect(await count(`tenant=${tenant}`)).toBe(5)
    expect(await count(`tenant=${tenant.toLowerCase()}`)).toBe(5)
    expect(await count(`tenant=${local.anvil.account(9).address}`)).toBe(0)
    expect(await count('node=2')).toBe(0)
    expect(await count('status=Active')).toBe(1)
    expect(await count('status=Assigned')).toBe(4)
  })

  it('shows the bill and the runway at the newest block, as the contract has them', async () => {
    await local.anvil.moveTime(1_000)
    await keeper.synced()
    const { leaseEscrowAbi } = await import('@decloud/protocol')
    const lease = leaseDetailSchema.parse((await getJson(`${keeper.url}/api/leases/${ids[0]}`)).body)
    const { timestamp } = await local.anvil.client.getBlock()
    expect(lease.at).toBe(Number(timestamp))
    const read = (functionName: 'due' | 'vested') =>
      local.anvil.client.readContract({
        ...{ address: local.deployment.leaseEscrow, abi: leaseEscrowAbi },
        functionName,
        args: [ids[0]!, timestamp],
      })
    expect(lease.due).toBe(await read('due'))
    expect(lease.vested).toBe(await read('vested'))
    expect(lease.runwaySeconds).toBe(lease.runsOutAt - lease.at)
    expect(lease.manifest).toBe('0x')
    const waiting = leaseDetailSchema.parse((await getJson(`${keeper.url}/api/leases/${ids[1]}`)).body)
    expect(waiting.runwaySeconds).toBeNull()
  })
})

describe('the server', () => {
  it('answers 304 until something changes, and lets any page read', async () => {
    const url = `${keeper.url}/api/marketplace/nodes`
    const first = await fetch(url, { headers: { origin: 'https://dapp.example' } })
    expect(first.headers.get('access-control-allow-origin')).toBe('*')
    const etag = first.headers.get('etag')!
    expect((await fetch(url, { headers: { 'if-none-match': etag } })).status).toBe(304)
    await local.registry(OPERATOR, 'setActive', [2, false])
    await keeper.synced()
    expect((await fetch(url, { headers: { 'if-none-match': etag } })).status).toBe(200)
    expect((await fetch(url, { method: 'POST' })).status).toBe(405)
  })

  it('describes every route', async () => {
    const { body } = await getJson(`${keeper.url}/openapi.json`)
    expect(body['openapi']).toBe('3.1.0')
    expect(JSON.stringify(body)).toContain('referencePricePerHour')
  })

  it('shows internal balances', async () => {
    const account = local.anvil.account(TENANT).address
    await local.escrow(TENANT, 'deposit', [123n])
    await keeper.synced()
    expect((await getJson(`${keeper.url}/api/accounts/${account}`)).body).toEqual({ account, balance: '123' })
  })

  it('keeps answering while the RPC is away, names the error, and recovers by itself', async () => {
    const proxy = await startRpcProxy(local.anvil.rpcUrl)
    try {
      const own = await harness.boot({ rpcUrls: [proxy.url] })
      await own.synced()
      proxy.judge = () => 'refuse'
      const health = async () => (await getJson(`${own.url}/health`)).body
      await until(async () => (await health())['lastError'] !== null, 'an error')
      expect((await health())['lastError']).toMatchObject({ code: 'rpc-unreachable' })
      expect((await fetch(`${own.url}/api/leases`)).status).toBe(200)
      const leaseId = await local.open(TENANT, 1)
      proxy.judge = () => 'forward'
      await until(() => own.ledger.lease(leaseId) !== undefined, 'recovered')
      expect((await health())['lastError']).toBeNull()
    } finally {
      await proxy.close()
    }
  })
})
