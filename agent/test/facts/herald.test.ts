// When something is signed anew, and how keepers hear of it.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type NodeFacts, type SignedFacts, signFacts, verifyFacts } from '@decloud/protocol/wire/facts'
import { privateKeyToAccount } from 'viem/accounts'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type HeraldDeps, startHerald } from '../../src/facts/herald.ts'
import { sendFacts } from '../../src/facts/send.ts'
import { saysTheSame } from '../../src/facts/statement.ts'
import { MACHINE, sampleFacts } from './sample.ts'

const account = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const scope = { chainId: 31_337, nodeRegistry: `0x${'ab'.repeat(20)}` } as const
const log = { info: () => {}, warn: () => {}, error: () => {} } as unknown as HeraldDeps['log']

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const start = (change: Partial<HeraldDeps> = {}, left: SignedFacts | null = null) => {
  const state = { cores: 4, takenAt: 1, nowMs: 1_700_000_000_000 }
  const kept: SignedFacts[] = left === null ? [] : [left]
  const signed: NodeFacts[] = []
  const herald = startHerald({
    ...{ node: 7, version: '0.1.0', log, random: () => 0.5, lookMs: 5, keepers: [] },
    nowMs: () => state.nowMs,
    found: () => ({
      machine: { ...MACHINE, takenAt: state.takenAt, cpu: { ...MACHINE.cpu, cores: { value: state.cores } } },
      ...{ benchmark: null, probe: null },
    }),
    kept: { newest: () => kept.at(-1) ?? null, put: (one) => kept.push(one) },
    sign: (facts) => {
      signed.push(facts)
      return signFacts(scope, facts, account)
    },
    isOwn: (one) =>
      verifyFacts(scope, one, account.address).then(
        () => true,
        () => false,
      ),
    send: async () => {},
    ...change,
  })
  closing.push(herald.close)
  const until = (look: () => void) => vi.waitFor(look, { timeout: 10_000, interval: 5 })
  return { state, kept, signed, herald, until }
}

describe('a statement', () => {
  it('is signed once, and again when the machine is another', async () => {
    const { state, kept, herald, until } = start()
    await until(() => expect(herald.statement()).not.toBeNull())
    await verifyFacts(scope, herald.statement()!, account.address)
    state.takenAt = 99 // looked at again, and the same
    state.nowMs += 1_000
    state.cores = 8
    await until(() => expect(kept).toHaveLength(2))
    expect(kept[1]!.facts.signedAt).toBe(1_700_000_001)
    expect(kept[1]!.facts.machine).toMatchObject({ value: { cpu: { cores: { value: 8 } } } })
    await until(() => expect(herald.statement()).toEqual(kept[1]))
  })

  it('is not signed anew for a machine that was looked at again and is the same', () => {
    const facts = sampleFacts(7, 5)
    const again = { ...facts, signedAt: 6, machine: { value: { ...MACHINE, takenAt: 99 } } }
    expect(saysTheSame(facts, again)).toBe(true)
    expect(saysTheSame(facts, sampleFacts(7, 5, 5))).toBe(false)
    expect(saysTheSame(facts, { ...facts, probe: { unknown: 'Another reason.' } })).toBe(false)
    expect(saysTheSame(facts, { ...facts, node: 8 })).toBe(false)
  })

  it('of the last run stands after a restart; that of another key or node does not', async () => {
    const first = start()
    await first.until(() => expect(first.kept).toHaveLength(1))
    const [left] = first.kept
    const same = start({}, left)
    await same.until(() => expect(same.herald.statement()).toEqual(left))
    expect(same.signed).toEqual([])
    const stranger = await signFacts(scope, left!.facts, privateKeyToAccount(`0x${'22'.repeat(32)}`))
    const other = start({}, stranger)
    await other.until(() => expect(other.herald.statement()).not.toBeNull())
    expect(other.signed).toHaveLength(1)
  })

  it('is never older than the one before, though the clock was set back', async () => {
    const { state, kept, until } = start()
    await until(() => expect(kept).toHaveLength(1))
    state.nowMs -= 3_600_000
    state.cores = 2
    await until(() => expect(kept).toHaveLength(2))
    expect(kept[1]!.facts.signedAt).toBe(kept[0]!.facts.signedAt + 1)
  })
})

describe('keepers', () => {
  it('hear it once; one that refuses hears it again after a pause, and the others do not', async () => {
    const heard: string[] = []
    const { state, until, herald } = start({
      keepers: ['http://a', 'http://b'],
      send: async (url) => {
        heard.push(url)
        if (url === 'http://b' && heard.filter((one) => one === url).length < 3) throw new TypeError('no')
      },
    })
    await until(() => expect(heard.toSorted()).toEqual(['http://a', 'http://b']))
    state.nowMs += 10_000
    await until(() => expect(heard).toHaveLength(3))
    state.nowMs += 20_000
    await until(() => expect(heard).toHaveLength(4))
    state.nowMs += 3_600_000
    const before = herald.statement()
    state.cores = 16
    await until(() => expect(heard).toHaveLength(6))
    expect(herald.statement()).not.toEqual(before)
    expect(heard.slice(4).toSorted()).toEqual(['http://a', 'http://b'])
  })

  it('that lost everything hear it again after a day', async () => {
    let heard = 0
    const { state, until } = start({ keepers: ['http://a'], send: async () => void heard++ })
    await until(() => expect(heard).toBe(1))
    state.nowMs += 24 * 3_600_000
    await until(() => expect(heard).toBe(2))
  })

  it('are asked over HTTP, and what they refuse with is told in short', async () => {
    const asked: { url: string | undefined; body: string }[] = []
    const server = createServer((request, response) => {
      let body = ''
      request.on('data', (data: Buffer) => {
        body += data.toString('utf8')
      })
      request.on('end', () => {
        asked.push({ url: request.url, body })
        response
          .writeHead(asked.length === 1 ? 200 : 403)
          .end(asked.length === 1 ? '{}' : 'x'.repeat(100_000))
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(() => new Promise((resolve) => server.close(() => resolve())))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/base`
    const signed = await signFacts(scope, sampleFacts(7, 5), account)
    const { signal } = new AbortController()
    await sendFacts(url, signed, signal)
    expect(asked[0]!.url).toBe('/base/api/nodes/7/facts')
    expect(JSON.parse(asked[0]!.body)).toEqual(signed)
    const refusal = await sendFacts(url, signed, signal).catch((error: Error) => error.message)
    expect(refusal).toMatch(/^it answered 403: x+$/)
    expect(String(refusal).length).toBeLessThan(400)
  })
})
