// Who asks too fast is told when to come back, and nobody else is slowed down.
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'
import { callerOf, makeBuckets } from '@decloud/service/http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Local, startLocal } from '../../chain/test/local.ts'
import type { KeeperConfigInput } from '../src/index.ts'
import { type Harness, makeHarness } from './harness.ts'

describe('a bucket', () => {
  const make = (most = 100) => {
    const clock = { now: 0 }
    return { clock, buckets: makeBuckets({ perMinute: 6, most, now: () => clock.now }) }
  }
  const empty = ({ buckets }: ReturnType<typeof make>, caller: string) => {
    for (let i = 0; i < 6; i++) expect(buckets.take(caller).granted).toBe(true)
  }

  it('holds a minute’s worth, and says when the next one comes', () => {
    const made = make()
    empty(made, 'a')
    expect(made.buckets.take('a')).toEqual({ granted: false, remaining: 0, seconds: 10 })
    made.clock.now = 9_999
    expect(made.buckets.take('a')).toMatchObject({ granted: false, seconds: 1 })
    made.clock.now = 10_001
    expect(made.buckets.take('a')).toMatchObject({ granted: true, remaining: 0 })
    expect(made.buckets.take('a').granted).toBe(false)
    made.clock.now = 1_000_000
    expect(made.buckets.take('a')).toMatchObject({ granted: true, remaining: 5 })
  })

  it('is each caller’s own, in bounded memory', () => {
    const made = make(20)
    empty(made, 'a')
    expect(made.buckets.take('b').granted).toBe(true)
    for (let i = 0; i < 1_000; i++) made.buckets.take(`caller ${i}`)
    expect(made.buckets.size()).toBeLessThanOrEqual(20)
  })

  it('is one for an IPv4 address however it is written, and one for an IPv6 /64', () => {
    expect(callerOf('::ffff:192.0.2.1')).toBe(callerOf('192.0.2.1'))
    expect(callerOf('2001:db8:1:2::1')).toBe(callerOf('2001:0db8:0001:0002:ffff::9%eth0'))
    expect(callerOf('2001:db8:1:2::1')).not.toBe(callerOf('2001:db8:1:3::1'))
    expect(callerOf('::1')).not.toBe(callerOf('fe80::1'))
  })
})

describe('a keeper', () => {
  let local: Local
  let harness: Harness
  beforeAll(async () => {
    local = await startLocal()
    harness = await makeHarness(local)
  })
  afterAll(async () => {
    await harness?.close()
    await local?.stop()
  })

  const boot = async (api: KeeperConfigInput['api']) => {
    const keeper = await harness.boot({ api })
    await keeper.synced()
    return keeper
  }
  type Asking = { method?: string; from?: string; forwardedFor?: string }
  const ask = async (url: string, { method = 'GET', from = '127.0.0.1', forwardedFor }: Asking = {}) => {
    const headers = {
      ...(forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor }),
      ...(method === 'GET' ? {} : { 'content-type': 'application/json', 'content-length': '2' }),
    }
    const sent = httpRequest(url, { method, headers, localAddress: from, agent: false })
    sent.end(method === 'GET' ? undefined : '{}')
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    const body = (await json(response)) as { code?: string }
    return { status: response.statusCode, code: body.code, headers: response.headers }
  }

  it('answers 429 with the wait to one address, and answers another', async () => {
    const { url } = await boot({ requestsPerMinute: 3 })
    const path = `${url}/api/network`
    // The first is worked out, and told; of ready answers those are told who have less than half left.
    for (const left of [2, 1, 0]) {
      const answer = await ask(path)
      expect(answer.status).toBe(200)
      expect(answer.headers['ratelimit']).toMatch(new RegExp(`^"all";r=${left};t=\\d+$`))
      expect(answer.headers['ratelimit-policy']).toBe('"all";q=3;w=60')
    }
    const refused = await ask(path)
    expect(refused).toMatchObject({ status: 429, code: 'rate-limited' })
    expect(refused.headers['content-type']).toBe('application/problem+json; charset=utf-8')
    expect(refused.headers['ratelimit']).toMatch(/^"all";r=0;t=\d+$/)
    expect(refused.headers['ratelimit-policy']).toBe('"all";q=3;w=60')
    const wait = Number(refused.headers['retry-after'])
    expect(wait).toBeGreaterThanOrEqual(1)
    expect(wait).toBeLessThanOrEqual(20)
    // Also what does not exist is counted, and what a stranger writes into a header changes nothing.
    expect((await ask(`${url}/nothing`)).status).toBe(429)
    expect((await ask(path, { forwardedFor: '198.51.100.7' })).status).toBe(429)
    const ready = await ask(path, { from: '127.0.0.2' })
    expect(ready.status).toBe(200)
    expect(ready.headers).not.toHaveProperty('ratelimit')
  })

  it('counts what is costly apart', async () => {
    const { url } = await boot({ costlyRequestsPerMinute: 2 })
    const costly = (from?: string) =>
      ask(`${url}/api/sponsor/open`, { method: 'POST', ...(from === undefined ? {} : { from }) })
    for (const left of [1, 0]) {
      const answer = await costly()
      expect(answer).toMatchObject({ status: 400, code: 'request-invalid' })
      expect(answer.headers['ratelimit']).toMatch(new RegExp(`^"costly";r=${left};t=\\d+$`))
    }
    const refused = await costly()
    expect(refused).toMatchObject({ status: 429, code: 'rate-limited' })
    expect(refused.headers['ratelimit-policy']).toBe('"costly";q=2;w=60')
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1)
    expect((await ask(`${url}/api/network`)).status).toBe(200)
    expect((await costly('127.0.0.2')).status).toBe(400)
  })

  it('behind a proxy that it trusts counts those whom the proxy names', async () => {
    const { url } = await boot({ requestsPerMinute: 1, trustedProxies: ['127.0.0.1'] })
    const as = async (forwardedFor: string) => (await ask(`${url}/api/network`, { forwardedFor })).status
    expect(await as('198.51.100.7')).toBe(200)
    expect(await as('198.51.100.7')).toBe(429)
    // The proxy adds the address that it sees; what stands before it is its client's invention.
    expect(await as('203.0.113.9, 198.51.100.7')).toBe(429)
    expect(await as('198.51.100.8')).toBe(200)
    expect(await as('2001:db8:1:2::1')).toBe(200)
    expect(await as('2001:db8:1:2::2')).toBe(429)
  })
})
