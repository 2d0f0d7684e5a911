import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Health, startApi } from '../src/api/server.ts'
import { admitted } from '../src/domain/vm.ts'
import { AgentError } from '../src/lib/errors.ts'
import { HypervisorError } from '../src/ports/hypervisor.ts'

const VM = admitted(`0x${'77'.repeat(32)}`, 5_000, 6_000)
const IDLE = { held: null, done: 0, left: 0, error: null }
const HEALTH: Health = {
  status: 'ok',
  node: 1,
  agent: '0xaa',
  chain: { feed: 'live', head: '7', finalized: '5', error: null },
  hypervisor: { acceleration: 'tcg', arch: 'x86_64', reason: 'x' },
  shaping: { mode: 'libvirt', reason: 'x' },
  disk: { level: 'ok', freeBytes: 2, totalBytes: 3 },
  beats: null,
  duties: { claim: IDLE, upkeep: IDLE, credit: IDLE, reclaim: IDLE },
  guests: { running: 0, unknown: [] },
}

describe('the status API', () => {
  let api: Awaited<ReturnType<typeof startApi>>
  let health: () => Promise<Health>
  beforeAll(async () => {
    health = async () => HEALTH
    const store = { get: (id: string) => (id === VM.leaseId ? VM : null), all: () => [VM] }
    const refuse = async () => {
      throw new AgentError('order-forbidden', 'No.')
    }
    const orders = { desk: { accept: refuse }, closer: { accept: refuse } }
    api = await startApi({ port: 0, store, health: () => health(), orders })
  })
  afterAll(() => api?.close())

  /** fetch does not let a caller choose the Host header. */
  const get = (path: string, host: string, method = 'GET') =>
    new Promise<{ status: number; type: string; body: string }>((resolve, reject) => {
      const url = new URL(path, api.url)
      request(url, { method, headers: { host } }, (answer) => {
        const parts: Buffer[] = []
        answer.on('data', (part: Buffer) => parts.push(part))
        answer.on('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            type: answer.headers['content-type'] ?? '',
            body: Buffer.concat(parts).toString(),
          }),
        )
      })
        .on('error', reject)
        .end()
    })

  it('listens on loopback alone', () => expect(new URL(api.url).hostname).toBe('127.0.0.1'))

  it('answers under its own names only, so that a rebound name learns nothing', async () => {
    const { port } = new URL(api.url)
    expect((await get('/v1/leases', `127.0.0.1:${port}`)).status).toBe(200)
    expect((await get('/v1/leases', `localhost:${port}`)).status).toBe(200)
    const rebound = await get('/v1/leases', `evil.example:${port}`)
    expect(rebound.status).toBe(421)
    expect(rebound.body).not.toContain(VM.leaseId)
  })

  it('finds a lease whatever the case of its id, and says what is wrong with an id', async () => {
    expect(
      (await get(`/v1/leases/${VM.leaseId.toUpperCase().replace('0X', '0x')}`, 'localhost')).status,
    ).toBe(200)
    const unknown = await get(`/v1/leases/0x${'88'.repeat(32)}`, 'localhost')
    expect(unknown).toMatchObject({ status: 404, type: expect.stringContaining('application/problem+json') })
    expect((await get('/v1/leases/..%2f..%2fetc', 'localhost')).status).toBe(400)
  })

  it('takes no writes', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      expect((await get('/v1/leases', 'localhost', method)).status).toBe(404)
    }
  })

  it('tells trouble apart from health, without telling secrets', async () => {
    health = async () => ({ ...HEALTH, status: 'degraded' })
    expect((await get('/health', 'localhost')).status).toBe(503)
    health = async () => {
      throw new HypervisorError('unavailable', 'socket /var/run/private')
    }
    const broken = await get('/health', 'localhost')
    expect(broken.status).toBe(500)
    expect(broken.body).not.toContain('/var/run')
  })
})
