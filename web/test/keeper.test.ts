import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { leasesFromKeeper } from '../src/features/leases/queries/keeper.ts'

const TENANT = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'
const WORD = `0x${'11'.repeat(32)}`
const LEASE = {
  leaseId: WORD,
  status: 'Active',
  tenant: TENANT,
  node: 1,
  terms: {
    tenant: TENANT,
    node: 1,
    vcpus: 2,
    tier: 1,
    bandwidth: 1,
    gpus: 0,
    memoryMiB: 4_096,
    diskGiB: 40,
    region: '0x0000000000000000',
    maxPricePerHour: '52334',
    deposit: '1256016',
    holdBack: 3_600,
    minNotice: 0,
    activateWithin: 900,
    template: 0,
    templateVersion: 0,
    maxTemplateFee: '0',
    manifestHash: WORD,
    salt: WORD,
  },
  requestedAtBlock: '12',
  pricePerHour: '52334',
  minCharge: 60,
  notice: 0,
  platformBps: 0,
  relay: 0,
  relayBps: 0,
  activateBy: 1_900,
  startedAt: 1_000,
  hostKeyFingerprint: WORD,
  deposited: '1256016',
  settled: '0',
  holdBack: 3_600,
  endReason: 'None',
  endedAt: 0,
  refunded: '0',
  at: 1_100,
  due: '1453',
  vested: '0',
  runsOutAt: 87_400,
  runwaySeconds: 86_300,
}

describe("a tenant's leases from a keeper", () => {
  let answer: { status: number; body: string }
  let asked = ''
  const server = createServer((request, response) => {
    asked = request.url ?? ''
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body)
  })
  const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)))
  afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())))

  it('are decoded, money as bigint', async () => {
    answer = { status: 200, body: JSON.stringify({ leases: [LEASE], next: null }) }
    const rows = await leasesFromKeeper(url(), TENANT, 100)
    expect(rows).toMatchObject([
      { leaseId: WORD, status: 'Active', pricePerHour: 52_334n, runsOutAt: 87_400 },
    ])
    expect(asked).toBe(`/api/leases?tenant=${TENANT}&limit=100`)
  })

  it.each([
    [503, '{}'],
    [200, 'not json'],
    [200, '{"leases":[{"leaseId":"0x12"}],"next":null}'],
  ])('are left to the chain after %i %s', async (status, body) => {
    answer = { status, body }
    expect(await leasesFromKeeper(url(), TENANT, 100)).toBeUndefined()
  })

  it('are left to the chain when nobody answers', async () => {
    expect(await leasesFromKeeper('http://127.0.0.1:1', TENANT, 100)).toBeUndefined()
  })
})
