import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { SponsorStatus } from '@decloud/protocol/wire/sponsor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseConfig } from '../src/data/config.ts'
import { makeRuntime, type Runtime } from '../src/data/runtime.tsx'
import { handIn, offers, offersOpening, sponsorQuery } from '../src/data/sponsor.ts'

const WORD = `0x${'11'.repeat(32)}`
const DONE = { id: WORD, kind: 'close', state: 'done', transaction: WORD, reason: null }
const STATUS = {
  enabled: true,
  limits: {
    ...{ perAddressCount: 10, perAddressCost: '500000', minDeposit: '500000' },
    ...{ maxCostBps: 500, maxManifestBytes: 4_096, minValiditySeconds: 120 },
  },
  remaining: { count: 3, cost: '1000' },
}

let answer: (method: string, path: string, body: string) => { status: number; body: unknown }
const server = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const { status, body } = answer(
    request.method ?? '',
    request.url ?? '',
    Buffer.concat(chunks).toString('utf8'),
  )
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
})
let runtime: Runtime
const at = (keeperUrl: string | undefined): Runtime => {
  const contract = `0x${'22'.repeat(20)}`
  const names = [
    'usdc',
    'leaseEscrow',
    'leaseDesk',
    'downtimeQuorum',
    'leaseMandates',
    'nodeRegistry',
    'pricePolicy',
  ]
  return makeRuntime(
    parseConfig({
      ...Object.fromEntries(names.map((name) => [name, contract])),
      ...{ chainId: 31_337, fromBlock: 0, rpcUrl: 'http://127.0.0.1:1' },
      ...(keeperUrl === undefined ? {} : { keeperUrl }),
    }),
  )
}
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  runtime = at(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
afterAll(() => void server.close())

const problem = (status: number, code: string) => ({
  status,
  body: { type: 'about:blank', title: 'No', status, code, detail: `because ${code}` },
})

describe('a call that is handed in', () => {
  it('is done when it is in a block; amounts travel as text', async () => {
    let sent = ''
    answer = (_, __, body) => {
      sent = body
      return { status: 200, body: DONE }
    }
    expect(await handIn(runtime, 'close', { amount: 5n })).toMatchObject({ transaction: WORD })
    expect(sent).toBe('{"amount":"5"}')
  })

  it('is waited for while it is on its way, over an answer that fails', async () => {
    let looks = 0
    answer = (method) => {
      if (method === 'POST') return { status: 202, body: { ...DONE, state: 'waiting', transaction: null } }
      looks += 1
      return looks === 1 ? { status: 500, body: {} } : { status: 200, body: DONE }
    }
    expect(await handIn(runtime, 'close', {})).toMatchObject({ state: 'done' })
    expect(looks).toBe(2)
  })

  it.each([
    ['sponsor-budget', 503],
    ['sponsor-busy', 429],
    ['sponsor-not-worth', 403],
    ['route-unknown', 404],
    ['internal', 500],
  ])('goes to the tenant for %s', async (code, status) => {
    answer = () => problem(status, code)
    expect(await handIn(runtime, 'close', {})).toBeUndefined()
  })

  it.each(['refused', 'failed'])('goes to the tenant when it was %s after all', async (state) => {
    answer = () => ({ status: 200, body: { ...DONE, state } })
    expect(await handIn(runtime, 'close', {})).toBeUndefined()
  })

  it('is not tried again when the contracts would not take it from anybody', async () => {
    answer = () => problem(422, 'contract-refused')
    await expect(handIn(runtime, 'close', {})).rejects.toMatchObject({
      code: 'contract-refused',
      message: 'because contract-refused',
    })
  })

  it('goes to the tenant where no keeper answers, or none is configured', async () => {
    expect(await handIn(at('http://127.0.0.1:1'), 'close', {})).toBeUndefined()
    expect(await handIn(at(undefined), 'close', {})).toBeUndefined()
    answer = () => ({ status: 200, body: 'nonsense' })
    expect(await handIn(runtime, 'close', {})).toBeUndefined()
  })
})

describe('what a sponsor offers', () => {
  const ask = async (where: Runtime): Promise<SponsorStatus | null> =>
    // The query's function needs nothing of its context.
    (sponsorQuery(where, undefined).queryFn as () => Promise<SponsorStatus | null>)()

  it('is read from the keeper, and is nothing without one', async () => {
    answer = () => ({ status: 200, body: STATUS })
    const status = await ask(runtime)
    expect(offers(status)).toBe(true)
    expect(offersOpening(status, 500_000n)).toBe(true)
    expect(offersOpening(status, 499_999n)).toBe(false)
    answer = () => ({ status: 200, body: { ...STATUS, remaining: { count: 0, cost: '9' } } })
    expect(offers(await ask(runtime))).toBe(false)
    answer = () => ({ status: 200, body: { ...STATUS, enabled: false } })
    expect(await ask(runtime)).toBeNull()
    expect(await ask(at(undefined))).toBeNull()
    expect(await ask(at('http://127.0.0.1:1'))).toBeNull()
    expect(offers(null)).toBe(false)
  })
})
