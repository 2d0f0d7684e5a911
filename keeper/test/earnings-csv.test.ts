import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { leaseEscrowAbi, parseUsdc } from '@decloud/protocol'
import { csvRow } from '@decloud/service/csv'
import { toHex } from 'viem'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { AGENT, type Local, OPERATOR, startLocal, TENANT } from '../../chain/test/local.ts'
import { secondsOf } from '../src/domain/earnings-csv.ts'
import { type Keeper, makeKeeper, parseConfig } from '../src/index.ts'
import { getJson, type Harness, makeHarness, until } from './harness.ts'

describe('a record', () => {
  it('quotes what RFC 4180 says must be, and ends with CR LF', () => {
    expect(csvRow(['a', 1, 2n, null, 'b,c', 'say "x"', 'two\nlines'])).toBe(
      'a,1,2,,"b,c","say ""x""","two\nlines"\r\n',
    )
  })
  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\tx', '\rx'])('leaves no formula: %j', (text) => {
    expect(csvRow([text]).replace(/^"/, '').startsWith("'")).toBe(true)
  })
  it('is of calendar days, both included', () => {
    const day = Date.UTC(2026, 0, 31) / 1_000
    expect(secondsOf({ from: '2026-01-31', to: '2026-01-31' })).toEqual({ from: day, until: day + 86_400 })
    expect(secondsOf({})).toEqual({})
  })
})

describe('earnings.csv', () => {
  const LEASES = 230
  let local: Local
  let harness: Harness
  let keeper: Keeper
  beforeAll(async () => {
    local = await startLocal()
    await local.register()
    await local.register()
    await local.fund(TENANT, 1_000_000_000n)
    harness = await makeHarness(local)
    // More movements than a page holds, and a withdrawal.
    const ids = []
    for (let i = 0; i < 2; i++) ids.push(await local.open(TENANT, 1, { deposit: 2_000_000n }))
    for (const id of ids) await local.escrow(AGENT, 'activate', [id, toHex(7, { size: 32 })])
    for (let i = 0; i < LEASES / 2; i++) {
      await local.anvil.client.increaseTime({ seconds: 900 })
      await local.escrow(TENANT, 'settle', [ids])
    }
    const payee = local.anvil.account(OPERATOR).address
    await local.escrow(OPERATOR, 'withdrawEarned', [1, payee, 1_000n])
    keeper = await harness.boot()
    await keeper.synced()
  }, 120_000)
  afterAll(async () => {
    await harness?.close()
    await local?.stop()
  })
  const fetchCsv = async (path: string) => {
    const response = await fetch(`${keeper.url}${path}`)
    const text = await response.text()
    const [header, ...rows] = text.split('\r\n').slice(0, -1)
    return { response, text, header: header!, rows: rows.map((row) => row.split(',')) }
  }

  it('has a line for each movement, whose sum is what the escrow credited', async () => {
    const { response, text, header, rows } = await fetchCsv('/api/nodes/1/earnings.csv')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toMatch(/^text\/csv; charset=utf-8/)
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="node-1-earnings.csv"')
    expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
    const columns = header.split(',')
    const of = (row: string[], column: string) => row[columns.indexOf(column)]!
    const sum = (kind: string) =>
      rows
        .filter((row) => of(row, 'kind') === kind)
        .reduce((all, row) => all + BigInt(of(row, 'amount_micro_usdc')), 0n)
    expect(rows.length).toBeGreaterThan(200)
    expect(sum('withdrawn')).toBe(1_000n)
    const held = await local.anvil.client.readContract({
      ...{ address: local.deployment.leaseEscrow, abi: leaseEscrowAbi },
      ...{ functionName: 'earnedOf', args: [1] },
    })
    expect(sum('earnedByNode') + sum('earnedByRelay') - sum('withdrawn')).toBe(held)
    for (const row of rows) {
      expect(row.length).toBe(columns.length)
      expect(parseUsdc(of(row, 'amount_usdc'))).toBe(BigInt(of(row, 'amount_micro_usdc')))
      expect(Date.parse(of(row, 'time')) / 1_000).toBe(Number(of(row, 'unix_seconds')))
    }
    const places = rows.map((row) => Number(of(row, 'block')))
    expect(places).toEqual([...places].sort((a, b) => b - a))
  })

  it('is of the days asked for, of a node, or of all nodes of an operator', async () => {
    const all = await fetchCsv('/api/nodes/1/earnings.csv')
    const days = [...new Set(all.rows.map((row) => row[0]!.slice(0, 10)))]
    expect(days.length).toBeGreaterThan(1)
    const counts = await Promise.all(
      days.map(
        async (day) => (await fetchCsv(`/api/nodes/1/earnings.csv?from=${day}&to=${day}`)).rows.length,
      ),
    )
    expect(counts.every((count) => count > 0)).toBe(true)
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(all.rows.length)
    expect((await fetchCsv('/api/nodes/1/earnings.csv?to=2001-01-01')).rows).toEqual([])
    expect((await fetchCsv('/api/nodes/2/earnings.csv')).rows).toEqual([])
    const operator = local.anvil.account(OPERATOR).address
    expect((await fetchCsv(`/api/operators/${operator}/earnings.csv`)).rows).toEqual(all.rows)
    expect((await fetchCsv(`/api/operators/0x${'1'.repeat(40)}/earnings.csv`)).rows).toEqual([])
    expect(await getJson(`${keeper.url}/api/nodes/99/earnings.csv`)).toMatchObject({
      status: 404,
      body: { code: 'node-unknown' },
    })
    expect((await getJson(`${keeper.url}/api/nodes/1/earnings.csv?from=yesterday`)).status).toBe(400)
  })

  it('is cut off for who does not read it, and not for who reads slowly', async () => {
    const config = parseConfig(harness.raw())
    const own = await makeKeeper({
      config: { ...config, api: { ...config.api, stallSeconds: 1 } },
      key: null,
    })
    const sockets: Socket[] = []
    const ask = (paused: boolean) => {
      const { hostname, port } = new URL(own.url)
      const socket = connect(Number(port), hostname)
      sockets.push(socket)
      let isOver = false
      let bytes = 0
      socket.on('close', () => {
        isOver = true
      })
      socket.on('error', () => {})
      socket.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        // Some now and then.
        if (paused) return
        socket.pause()
        setTimeout(() => socket.resume(), 100)
      })
      if (paused) socket.pause()
      socket.write('GET /api/nodes/1/earnings.csv HTTP/1.1\r\nhost: x\r\n\r\n')
      return { socket, isOver: () => isOver, bytes: () => bytes }
    }
    try {
      await own.synced()
      const row = own.market.flows({ node: 1, limit: 1 }).rows[0]!
      let pages = 0
      vi.spyOn(own.market, 'flows').mockImplementation(() => {
        pages += 1
        return { rows: Array(200).fill(row), next: 'x' }
      })
      const [asleep, slow] = [ask(true), ask(false)]
      await until(() => pages > 0, 'it begins')
      await delay(4_000)
      expect(slow.isOver()).toBe(false)
      expect(slow.bytes()).toBeGreaterThan(0)
      slow.socket.destroy()
      // What was on its way is read to its end: there is one.
      asleep.socket.resume()
      await until(asleep.isOver, 'the end')
    } finally {
      for (const socket of sockets) socket.destroy()
      await own.close()
    }
  })
})
