// What an answer may never be: older than the last commit, or anything but a problem where a request makes no sense.

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { SPONSOR_KINDS } from '@decloud/protocol/wire/sponsor'
import { PROBLEM_TYPE } from '@decloud/service/http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Local, OPERATOR, startLocal } from '../../chain/test/local.ts'
import { scopeOf } from '../src/api/cursors.ts'
import type { Keeper } from '../src/index.ts'
import { getJson, type Harness, makeHarness } from './harness.ts'
import { makeMarketWorld } from './market-world.ts'
import { signIn } from './sign-in.ts'

let local: Local
let harness: Harness
let keeper: Keeper
let leases: Awaited<ReturnType<typeof makeMarketWorld>>['leases']

beforeAll(async () => {
  local = await startLocal()
  harness = await makeHarness(local)
  leases = (await makeMarketWorld(local)).leases
  keeper = await harness.boot()
  await keeper.synced()
}, 180_000)
afterAll(async () => {
  await harness?.close()
  await local?.stop()
})

describe('a ready answer', () => {
  const paths = ['/api/marketplace/nodes/1', '/api/marketplace/nodes?sort=price', '/api/marketplace/nodes']
  const endpoint = async (path: string, etag = '') => {
    const response = await fetch(`${keeper.url}${path}`, { headers: { 'if-none-match': etag } })
    const text = await response.text()
    return {
      ...{ status: response.status, etag: response.headers.get('etag') ?? '' },
      endpoint: /https:\/\/(?:one|change-\d+)\.example/.exec(text)?.[0],
    }
  }

  it('is not given again once the change is in', async () => {
    const tags = new Map<string, string>()
    for (let nth = 0; nth < 10; nth++) {
      for (const path of paths) {
        const first = await endpoint(path)
        // The same again, ready made.
        expect(await endpoint(path)).toEqual(first)
        tags.set(path, first.etag)
      }
      const changed = `https://change-${nth}.example`
      await local.registry(OPERATOR, 'setEndpoint', [1, changed])
      await keeper.synced()
      for (const path of paths) {
        expect(await endpoint(path, tags.get(path))).toMatchObject({ status: 200, endpoint: changed })
      }
    }
  })

  it('never goes back, for those who ask while it changes', async () => {
    const newest = (text: string | undefined) => Number(/change-(\d+)/.exec(text ?? '')?.[1] ?? -1)
    let changing = true
    const ask = async (path: string) => {
      const seen: number[] = []
      while (changing) seen.push(newest((await endpoint(path)).endpoint))
      seen.push(newest((await endpoint(path)).endpoint))
      return seen
    }
    const askers = paths.map(ask)
    try {
      for (let nth = 100; nth < 110; nth++) {
        await local.registry(OPERATOR, 'setEndpoint', [1, `https://change-${nth}.example`])
        await keeper.synced()
      }
    } finally {
      changing = false
    }
    for (const seen of await Promise.all(askers)) {
      expect(seen).toEqual([...seen].sort((a, b) => a - b))
      expect(seen.at(-1)).toBe(109)
    }
  })
})

describe('a cursor', () => {
  const lists = () => [
    '/api/marketplace/nodes?',
    '/api/marketplace/templates?',
    '/api/leases?',
    '/api/flows?',
    `/api/leases/${leases.active}/events?`,
  ]
  const next = async (list: string): Promise<string> =>
    (await getJson(`${keeper.url}${list}limit=1`)).body['next'] ?? ''
  const given = (list: string, cursor: string) =>
    getJson(`${keeper.url}${list}limit=1&cursor=${encodeURIComponent(cursor)}`)
  const invalid = { status: 400, body: { code: 'cursor-invalid', status: 400 } }

  it('that was altered anywhere is refused', async () => {
    for (const list of lists()) {
      const cursor = await next(list)
      expect((await given(list, cursor)).status).toBe(200)
      for (let at = 0; at < cursor.length; at++) {
        const other = cursor[at] === 'A' ? 'B' : 'A'
        const altered = `${cursor.slice(0, at)}${other}${cursor.slice(at + 1)}`
        expect({ altered, ...(await given(list, altered)) }).toMatchObject(invalid)
      }
      for (const altered of [
        cursor.slice(0, -1),
        `${cursor}A`,
        `${cursor}.`,
        `${cursor} `,
        `!${cursor}`,
        '.',
        'null',
      ])
        expect({ altered, ...(await given(list, altered)) }).toMatchObject(invalid)
    }
  })

  it('of another list, or of the same with another filter or order, is refused', async () => {
    const nodes = await next('/api/marketplace/nodes?')
    expect(await given('/api/leases?', nodes)).toMatchObject(invalid)
    expect(await given('/api/marketplace/nodes?sort=uptime&', nodes)).toMatchObject(invalid)
    expect(await given('/api/marketplace/nodes?region=eu-west&', nodes)).toMatchObject(invalid)
    // The page's size is no part of it.
    expect((await getJson(`${keeper.url}/api/marketplace/nodes?limit=2&cursor=${nodes}`)).status).toBe(200)
  })
})

describe('a cursor whose check is right', () => {
  // The check is against mishaps: anybody can compute it.
  const forged = (scope: string, text: string) => {
    const check = createHash('sha256').update(`${scope}\n${text}`).digest('base64url').slice(0, 12)
    return `${Buffer.from(text).toString('base64url')}.${check}`
  }
  const status = async (list: string, cursor: string) =>
    (await getJson(`${keeper.url}${list}limit=1&cursor=${cursor}`)).status

  it('and whose place is none is refused like any other', async () => {
    const big = '9'.repeat(200)
    for (const [list, scope] of [
      ['/api/marketplace/nodes?', scopeOf('nodes', { sort: 'price' })],
      ['/api/marketplace/templates?', scopeOf('templates', { sort: 'newest' })],
    ] as const) {
      expect(await status(list, forged(scope, '-5:1'))).toBe(200)
      for (const text of [
        'x:1',
        '1.5:1',
        ':',
        '',
        '1',
        '1:',
        ':1',
        '0x:0',
        '1:x',
        '1:1.5',
        '1:1:1',
        `1:${big}`,
      ])
        expect({ list, text, status: await status(list, forged(scope, text)) }).toMatchObject({
          status: 400,
        })
    }
    for (const list of ['leases', 'flows']) {
      for (const place of ['', 'x', [], {}, [null], ['x', 'x'], [1, 2, 3, 4], [1e300, 1], [{}, []]]) {
        const text = Buffer.from(JSON.stringify(place)).toString('base64url')
        expect({
          list,
          place,
          status: await status(`/api/${list}?`, forged(`${list} `, text)),
        }).toMatchObject({
          status: 400,
        })
      }
    }
  })
})

describe('a body', () => {
  type Sent = { method: string; path: string; type?: string; body: string; token?: string }
  const send = async ({ method, path, type = 'application/json', body, token }: Sent) => {
    const response = await fetch(`${keeper.url}${path}`, {
      ...{ method, body },
      headers: { 'content-type': type, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    })
    expect(response.headers.get('content-type')).toBe(`${PROBLEM_TYPE}; charset=utf-8`)
    return (await response.json()) as { status: number; code: string }
  }
  const bodied = async (): Promise<{ method: string; path: string; token: string }[]> => {
    const { accessToken: token } = await signIn(keeper.url, local.anvil.account(OPERATOR))
    return [
      ...SPONSOR_KINDS.map((kind) => `POST /api/sponsor/${kind}`),
      ...[`PUT /api/mailbox/${leases.assigned}`, `POST /api/mailbox/${leases.assigned}/collect`],
      ...['POST /api/prepare/open', 'POST /api/session/login', 'POST /api/session/refresh'],
      ...['POST /api/alerts', 'POST /api/heartbeats', 'POST /api/relays/2/repair'],
    ].map((route) => ({ method: route.split(' ')[0] ?? '', path: route.split(' ')[1] ?? '', token }))
  }
  const jsonOf = (bytes: number) => `{"x":"${'x'.repeat(bytes - 8)}"}`

  it('that is too large is not read to its end', async () => {
    for (const to of await bodied())
      expect({ ...to, ...(await send({ ...to, body: jsonOf(65_537) })) }).toMatchObject({
        ...{ status: 413, code: 'body-too-large' },
      })
    for (const to of (await bodied()).filter(({ path }) => /sponsor|mailbox\/\w+$/.test(path))) {
      expect({ ...to, ...(await send({ ...to, body: jsonOf(40_961) })) }).toMatchObject({ status: 413 })
      expect({ ...to, ...(await send({ ...to, body: jsonOf(40_960) })) }).toMatchObject({ status: 400 })
    }
  })

  it('of another type is not read', async () => {
    for (const to of await bodied()) {
      for (const type of ['text/plain', 'application/xml', 'application/x-www-form-urlencoded', '__proto__'])
        expect({ ...to, type, ...(await send({ ...to, type, body: '{}' })) }).toMatchObject({
          ...{ status: 415, code: 'media-type-wrong' },
        })
    }
  })

  it('that is not JSON, or not what the route takes, is a problem', async () => {
    const wrong = ['', '{', '{"a":', 'nonsense', '\u0000', '{"__proto__":{}}', 'null', '[]', '1', '"x"']
    for (const to of await bodied()) {
      for (const body of wrong)
        expect({ ...to, body, ...(await send({ ...to, body })) }).toMatchObject({ status: 400 })
    }
  })

  it('that has a type and is not there is answered at once', async () => {
    const nothing = async (method: string, path: string) => {
      const { hostname, port } = new URL(keeper.url)
      const request = httpRequest({ ...{ hostname, port, method, path }, agent: false })
      request.setHeader('content-type', 'application/json')
      request.removeHeader('transfer-encoding')
      request.flushHeaders()
      const [response] = (await once(request, 'response', { signal: AbortSignal.timeout(5_000) })) as [
        IncomingMessage,
      ]
      request.destroy()
      return response.statusCode
    }
    for (const { method, path } of await bodied()) {
      expect([method, path, await nothing(method, path)]).toEqual([
        method,
        path,
        expect.toBeOneOf([400, 401]),
      ])
      expect(await nothing('DELETE', path)).toBeOneOf([401, 404, 405])
    }
  })

  it('may be put and deleted from any page', async () => {
    const preflight = await fetch(`${keeper.url}/api/alerts`, {
      method: 'OPTIONS',
      headers: { origin: 'https://dapp.example', 'access-control-request-method': 'DELETE' },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*')
    const methods = preflight.headers.get('access-control-allow-methods')?.split(', ')
    expect(methods).toEqual(expect.arrayContaining(['GET', 'POST', 'PUT', 'DELETE']))
  })
})

describe('an address', () => {
  /** Mixed case that is no checksum. */
  const misspelt = (address: string) =>
    `0x${[...address.slice(2)].map((c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase())).join('')}`

  it('is the same however it is spelled', async () => {
    const { address } = local.anvil.account(OPERATOR)
    const csv = async (operator: string) =>
      (await fetch(`${keeper.url}/api/operators/${operator}/earnings.csv`)).text()
    const rows = await csv(address)
    expect(rows.split('\r\n').length).toBeGreaterThan(2)
    for (const spelling of [misspelt(address), address.toLowerCase()]) {
      expect(await csv(spelling)).toBe(rows)
      expect((await fetch(`${keeper.url}/api/sponsor?address=${spelling}`)).status).toBe(200)
      expect((await fetch(`${keeper.url}/api/accounts/${spelling}`)).status).toBe(200)
      const nodes = await getJson(`${keeper.url}/api/marketplace/nodes?operator=${spelling}`)
      expect(nodes.body['nodes']).toHaveLength(3)
    }
  })
})
