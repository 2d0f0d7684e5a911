// Live changes: what a listener hears, what it hears again, and what becomes of one that does not listen.
import { once } from 'node:events'
import { createServer, get, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Local, OPERATOR, startLocal, TENANT } from '../../chain/test/local.ts'
import type { Keeper } from '../src/index.ts'
import { makeLive } from '../src/services/live.ts'
import { type Harness, makeHarness, until } from './harness.ts'

type Told = { id: string | undefined; event: string; data: Record<string, never> }

/** Reads a stream until it is closed. */
const listen = async (url: string, headers: Record<string, string> = {}) => {
  const request = get(url, { headers })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const told: Told[] = []
  let text = ''
  let ended = false
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    text += chunk
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const fields = new Map(
        text
          .slice(0, end)
          .split('\n')
          .map((line): [string, string] => [line.split(':')[0] ?? '', line.slice(line.indexOf(':') + 2)]),
      )
      text = text.slice(end + 2)
      const event = fields.get('event')
      if (event !== undefined)
        told.push({ id: fields.get('id'), event, data: JSON.parse(fields.get('data') ?? '{}') })
    }
  })
  response.once('close', () => {
    ended = true
  })
  response.once('error', () => {})
  return {
    status: response.statusCode,
    told,
    names: () => told.filter(({ event }) => event === 'chain').map(({ data }): string => data['name'] ?? ''),
    heard: (event: string) => told.find((one) => one.event === event),
    lastId: () => told.findLast(({ id }) => id !== undefined)?.id ?? '',
    isOver: () => ended,
    stop: () => request.destroy(),
  }
}

let local: Local
let harness: Harness
let keeper: Keeper

beforeAll(async () => {
  local = await startLocal()
  harness = await makeHarness(local)
  await local.register('https://one.example')
  await local.fund(TENANT, 1_000_000_000n)
  keeper = await harness.boot()
  await keeper.synced()
})
afterAll(async () => {
  await harness?.close()
  await local?.stop()
})

const events = (query = '', url = keeper.url) => `${url}/api/events${query}`

describe('GET /api/events', () => {
  it('tells each commit, by topic', async () => {
    const all = await listen(events())
    const nodes = await listen(events('?topics=nodes'))
    const lease = await listen(events(`?topics=account:${local.anvil.account(TENANT).address}`))
    await until(() => [all, nodes, lease].every((one) => one.heard('hello') !== undefined), 'three hellos')
    const id = await local.open(TENANT, 1)
    await local.registry(OPERATOR, 'setActive', [1, true])
    await local.registry(OPERATOR, 'setEndpoint', [1, 'https://moved.example'])
    await until(() => all.names().includes('EndpointChanged'), 'the endpoint')
    await until(() => nodes.names().includes('EndpointChanged'), 'the endpoint, by topic')
    expect(all.names()).toContain('LeaseRequested')
    expect(nodes.names()).not.toContain('LeaseRequested')
    await until(() => lease.names().includes('LeaseRequested'), 'the lease')
    expect(lease.names()).not.toContain('EndpointChanged')
    const opened = all.told.find(({ data }) => data['name'] === 'LeaseRequested')
    expect(opened?.data['topics']).toContain(`lease:${id}`)
    expect(opened?.data['args']).toMatchObject({ terms: { deposit: '1000000' } })
    for (const one of [all, nodes, lease]) one.stop()
  })

  it('goes on where a listener stopped, each event once, also after a restart and at another keeper', async () => {
    const dataDir = harness.freshFolder()
    const first = await harness.boot({ dataDir })
    await first.synced()
    const listener = await listen(events('', first.url))
    await local.registry(OPERATOR, 'setEndpoint', [1, 'https://a.example'])
    await until(() => listener.names().includes('EndpointChanged'), 'the first change')
    const lastId = listener.lastId()
    listener.stop()
    await local.registry(OPERATOR, 'setEndpoint', [1, 'https://b.example'])
    await first.close()
    await local.registry(OPERATOR, 'setEndpoint', [1, 'https://c.example'])
    const again = await harness.boot({ dataDir })
    await again.synced()
    await keeper.synced()
    for (const url of [again.url, keeper.url]) {
      const resumed = await listen(events('', url), { 'last-event-id': lastId })
      await until(() => resumed.names().length >= 2, 'what was missed')
      await local.registry(OPERATOR, 'setActive', [1, true]).catch(() => {})
      const endpoints = resumed.told.flatMap(({ data }) =>
        data['name'] === 'EndpointChanged'
          ? [(data['args'] as unknown as { endpoint: string }).endpoint]
          : [],
      )
      expect(endpoints).toEqual(['https://b.example', 'https://c.example'])
      expect(resumed.heard('hello')?.data).toMatchObject({ resumed: true })
      resumed.stop()
    }
  })

  it('tells a reorg, and takes a listener back whose place was reorganised away', async () => {
    const listener = await listen(events())
    await until(() => listener.heard('hello') !== undefined, 'hello')
    await local.anvil.client.mine({ blocks: 3 })
    await local.registry(OPERATOR, 'setEndpoint', [1, 'https://lost.example'])
    await until(() => listener.names().includes('EndpointChanged'), 'the change that will be lost')
    const lostId = listener.lastId()
    await local.reorg(1)
    await local.registry(OPERATOR, 'setEndpoint', [1, 'https://kept.example'])
    await until(() => listener.heard('reverted') !== undefined, 'the reorg')
    const reverted = listener.told.findIndex(({ event }) => event === 'reverted')
    await until(
      () => listener.told.slice(reverted).some(({ data }) => JSON.stringify(data).includes('kept.example')),
      'what replaced it',
    )
    listener.stop()
    await keeper.synced()
    const back = await listen(events(), { 'last-event-id': lostId })
    await until(() => back.told.some(({ data }) => JSON.stringify(data).includes('kept')), 'what is kept')
    expect(back.told.map(({ event }) => event).slice(0, 2)).toEqual(['hello', 'reverted'])
    expect(JSON.stringify(back.told)).not.toContain('lost.example')
    back.stop()
  })

  it('says so when it cannot go on from there', async () => {
    for (const [id, reason] of [
      ['nonsense', 'cursor-invalid'],
      ['5.0.0123456789abcdef', 'cursor-foreign'],
    ] as const) {
      const listener = await listen(events(), { 'last-event-id': id })
      await until(() => listener.heard('reset') !== undefined, 'a reset')
      expect(listener.heard('reset')?.data).toEqual({ reason })
      expect(listener.heard('reset')?.id).not.toBe(undefined)
      listener.stop()
    }
  })

  it('takes so many from one address and no more, and lets all go when it closes', async () => {
    const own = await harness.boot({ api: { maxStreamsPerAddress: 2, requestsPerMinute: 1_000 } })
    const [one, two] = [await listen(events('', own.url)), await listen(events('', own.url))]
    const third = await fetch(events('', own.url))
    expect(third.status).toBe(429)
    expect(await third.json()).toMatchObject({ code: 'streams-too-many' })
    one.stop()
    await until(async () => {
      const next = await listen(events('', own.url))
      next.stop()
      return next.status === 200
    }, 'a place')
    await own.close()
    await until(() => two.isOver(), 'the end')
    expect(two.told.at(-1)).toMatchObject({ event: 'dropped', data: { reason: 'closing' } })
  })
})

describe('a listener that does not read', () => {
  it('is dropped, told why, and takes nobody with it', async () => {
    const nothing = {
      newest: () => null,
      newestFinal: () => null,
      isCanonical: () => false,
      after: () => ({ events: [], last: null }),
      countAfter: () => 0,
    }
    const dropped: string[] = []
    const log = { info: (fields: object) => dropped.push(JSON.stringify(fields)), warn() {}, error() {} }
    const live = makeLive({
      ...{ positions: nothing, onChange: () => () => {}, height: () => 1n, log },
      ...{ maxStreams: 10, maxStreamsPerAddress: 10, limits: { maxBuffered: 100_000 } },
    })
    const server = createServer((request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      live.open(response, { caller: request.url ?? '', topics: null, lastEventId: null })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const reader = await listen(`http://127.0.0.1:${port}/reads`)
    const sleeper = connect(port, '127.0.0.1').pause()
    sleeper.write('GET /sleeps HTTP/1.1\r\nhost: x\r\n\r\n')
    await until(() => live.count() === 2, 'two listeners')
    try {
      let told = 0
      // Kernels keep some megabytes for a socket that nobody reads.
      await until(async () => {
        if (live.count() === 1) return true
        for (let i = 0; i < 20; i++)
          live.announce('repair', ['relays'], { nth: told++, x: 'x'.repeat(4_000) })
        await until(() => reader.told.length >= told, 'the reader keeps up')
        return live.count() === 1
      }, 'the sleeper is dropped')
      expect(dropped).toEqual([JSON.stringify({ caller: '/sleeps', reason: 'slow' })])
      expect(reader.told.filter(({ event }) => event === 'repair')).toHaveLength(told)
    } finally {
      sleeper.destroy()
      reader.stop()
      live.close()
      server.close()
    }
  })
})

describe('listeners that read what they missed', () => {
  it('take turns with each other and with everybody else, whatever their topics', async () => {
    const PAGES = 20
    const LISTENERS = 5
    let turn = 0
    const pages: { turn: number; at: number }[] = []
    const place = (height: number) => ({ height, logIndex: 0, block: '0123456789abcdef' })
    const positions = {
      newest: () => place(PAGES),
      newestFinal: () => place(PAGES),
      isCanonical: () => true,
      after: ({ height }: { height: number }) => {
        pages.push({ turn, at: height })
        return { events: [], last: height < PAGES ? place(height + 1) : null }
      },
      countAfter: () => PAGES,
    }
    const log = { info() {}, warn() {}, error() {} }
    const live = makeLive({
      ...{ positions, onChange: () => () => {}, height: () => 1n, log },
      ...{ maxStreams: 10, maxStreamsPerAddress: 10 },
    })
    let counting = true
    const count = () => {
      turn += 1
      if (counting) setImmediate(count)
    }
    count()
    const sinks = Array.from({ length: LISTENERS }, () => new PassThrough().resume())
    try {
      for (const sink of sinks)
        live.open(sink, { caller: 'x', topics: new Set(['nodes']), lastEventId: '0.0.0123456789abcdef' })
      await until(() => pages.length === LISTENERS * (PAGES + 1), 'all pages')
    } finally {
      counting = false
      live.close()
    }
    // A page at a time, and the process's other work between any two.
    expect(new Set(pages.map(({ turn }) => turn)).size).toBe(pages.length)
    // The last to come is not the last to be served.
    expect(pages.slice(0, LISTENERS).map(({ at }) => at)).toEqual(Array(LISTENERS).fill(0))
  })
})
