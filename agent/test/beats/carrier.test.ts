import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { makeCarrier } from '../../src/beats/carrier.ts'

type Answer = (body: string, response: ServerResponse) => void

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

const serve = async (answer: Answer) => {
  const requests: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString('utf8')
    })
    request.on('end', () => {
      requests.push(`${request.method} ${request.url} ${body}`)
      answer(body, response)
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests }
}
const fine: Answer = (_, response) => response.end('{"outcome":"accepted"}')
const problem =
  (status: number, code: string): Answer =>
  (_, response) => {
    response.statusCode = status
    response.end(JSON.stringify({ code, detail: `because of ${code}` }))
  }

const REFUSED = 'http://127.0.0.1:1'
const message = new TextEncoder().encode('{"beat":1}')
const signal = () => AbortSignal.timeout(10_000)
const gossip = (listeners: number, publish: () => Promise<number> = async () => listeners) => ({
  listeners: () => listeners,
  publish,
})

describe('the way of a beat', () => {
  it('is gossip where somebody hears', async () => {
    const keeper = await serve(fine)
    const carrier = makeCarrier({ gossip: gossip(2), urls: [keeper.url] })
    expect(await carrier.carry(message, signal())).toBe('gossip')
    expect(keeper.requests).toEqual([])
  })

  it('is gossip where somebody turns up in time', async () => {
    let listeners = 0
    setTimeout(() => {
      listeners = 1
    }, 200)
    const late = { listeners: () => listeners, publish: async () => listeners }
    const carrier = makeCarrier({ gossip: late, urls: [REFUSED] })
    expect(await carrier.carry(message, signal())).toBe('gossip')
  })

  it.each([
    ['nobody hears', gossip(0)],
    ['nobody takes it after all', gossip(1, async () => 0)],
    ['it fails', gossip(1, async () => Promise.reject(new Error('broken')))],
    ['there is none', null],
  ])('is HTTP where %s', async (_, silent) => {
    const keeper = await serve(fine)
    const carrier = makeCarrier({ gossip: silent, urls: [`${keeper.url}/`], patienceMs: 50 })
    expect(await carrier.carry(message, signal())).toBe('http')
    expect(keeper.requests).toEqual(['POST /api/heartbeats {"beat":1}'])
  })

  it('leads past keepers that are away, slow or broken, and remembers who answered', async () => {
    const slow = await serve(() => {})
    const broken = await serve(problem(500, 'internal'))
    const good = await serve(fine)
    const carrier = makeCarrier({
      ...{ gossip: null, answerMs: 200 },
      urls: [REFUSED, slow.url, broken.url, good.url],
    })
    expect(await carrier.carry(message, signal())).toBe('http')
    expect(await carrier.carry(message, signal())).toBe('http')
    expect([slow, broken, good].map(({ requests }) => requests.length)).toEqual([1, 1, 2])
  })

  it('ends where a keeper says that the beat is wrong', async () => {
    const keeper = await serve(problem(403, 'beat-not-agents'))
    const other = await serve(fine)
    const carrier = makeCarrier({ gossip: null, urls: [keeper.url, other.url] })
    await expect(carrier.carry(message, signal())).rejects.toMatchObject({
      code: 'beat-refused',
      message: expect.stringContaining('because of beat-not-agents'),
    })
    expect(other.requests).toEqual([])
  })

  it('is named when there is none', async () => {
    const carrier = makeCarrier({ gossip: gossip(0), urls: [REFUSED], patienceMs: 10 })
    await expect(carrier.carry(message, signal())).rejects.toMatchObject({ code: 'beat-undelivered' })
    const none = makeCarrier({ gossip: gossip(0), urls: [], patienceMs: 10 })
    await expect(none.carry(message, signal())).rejects.toMatchObject({ code: 'beat-undelivered' })
  })

  it('is given up at once when the agent stops', async () => {
    const slow = await serve(() => {})
    const carrier = makeCarrier({ gossip: gossip(0), urls: [slow.url], patienceMs: 60_000 })
    const started = performance.now()
    await expect(carrier.carry(message, AbortSignal.timeout(100))).rejects.toMatchObject({
      code: 'beat-undelivered',
    })
    expect(performance.now() - started).toBeLessThan(2_000)
  })
})
