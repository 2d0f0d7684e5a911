import type { LeaseView } from '@decloud/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makePost } from '../src/adapters/alerts/post.ts'
import { isLoopbackAddress, isPublicAddress } from '../src/domain/addresses.ts'
import { type Alert, type AlertFacts, judgeAlert, retryAfter } from '../src/domain/alerts.ts'
import { type Receiver, startReceiver } from './hooks.ts'

const LEASE = `0x${'11'.repeat(32)}` as const
const lease = (change: Partial<LeaseView> = {}): LeaseView =>
  // Only what the rules read.
  ({
    ...{ leaseId: LEASE, status: 'Active', node: 3, pricePerHour: 3_600n, deposited: 10_000n, settled: 0n },
    ...{ paidBefore: 0n, startedAt: 1_000, endedAt: 0, credited: 0, holdBack: 0, minCharge: 0 },
    ...{ endReason: 'None', refunded: 0n, ...change },
  }) as LeaseView
const alert = (change: Partial<Alert> = {}): Alert => ({
  ...{ id: 'a', kind: 'runway', account: `0x${'22'.repeat(20)}`, leaseId: LEASE, node: null },
  ...{ thresholdSeconds: 1_000, createdAt: 5_000, ...change },
})
const facts = (change: Partial<AlertFacts> = {}): AlertFacts => ({
  ...{ now: 2_000, leases: [lease()], endedForGood: new Set(), isOnline: () => 'unknown' as const },
  ...change,
})
const NONE: ReadonlySet<string> = new Set()
const fired = (a: Alert, f: AlertFacts, told = NONE) =>
  judgeAlert(a, f, told).fire.map(({ event }) => event.id)

describe('runway', () => {
  // Paid until second 11,000.
  it('crosses when less than the threshold is left, not at it', () => {
    expect(fired(alert(), facts({ now: 10_000 }))).toHaveLength(0)
    expect(fired(alert(), facts({ now: 10_001 }))).toHaveLength(1)
  })
  it('is told once a crossing, and has one id for it', () => {
    const [id] = fired(alert(), facts({ now: 10_500 }))
    expect(fired(alert(), facts({ now: 10_600 }))).toEqual([id])
    expect(fired(alert(), facts({ now: 10_600 }), new Set([LEASE]))).toEqual([])
    expect(fired(alert({ id: 'b' }), facts({ now: 10_600 }))).not.toEqual([id])
  })
  it('is armed again by a top-up, and by the end', () => {
    const more = facts({ now: 10_500, leases: [lease({ deposited: 50_000n })] })
    expect(judgeAlert(alert(), more, new Set([LEASE]))).toEqual({ fire: [], rearm: [LEASE] })
    const over = facts({ now: 10_500, leases: [lease({ status: 'Ended', endedAt: 10_400 })] })
    expect(judgeAlert(alert(), over, new Set([LEASE]))).toEqual({ fire: [], rearm: [LEASE] })
    expect(fired(alert(), over)).toEqual([])
  })
  it('of a depleted lease is none left', () => {
    const { fire } = judgeAlert(alert(), facts({ now: 99_000 }), NONE)
    expect(fire[0]!.event).toMatchObject({ runwaySeconds: 0, runsOutAt: 11_000 })
  })
})

describe('ended', () => {
  const over = lease({ status: 'Ended', endReason: 'ClosedByTenant', endedAt: 6_000, refunded: 5n })
  const final = { leases: [over], endedForGood: new Set([LEASE]) }
  const ended = (change: Partial<Alert> = {}) => alert({ kind: 'ended', ...change })
  it('is told once it is final', () => {
    expect(fired(ended(), facts({ leases: [over] }))).toEqual([])
    expect(fired(ended(), facts(final))).toHaveLength(1)
    expect(fired(ended(), facts(final), new Set([LEASE]))).toEqual([])
  })
  it('of before the alert is no news to one for all leases', () => {
    expect(fired(ended({ leaseId: null, createdAt: 6_000 }), facts(final))).toHaveLength(1)
    expect(fired(ended({ leaseId: null, createdAt: 6_001 }), facts(final))).toEqual([])
    expect(fired(ended({ createdAt: 6_001 }), facts(final))).toHaveLength(1)
  })
})

describe('offline', () => {
  const of = (online: boolean | 'unknown', told = NONE) =>
    judgeAlert(
      alert({ kind: 'offline', leaseId: null, node: 3 }),
      facts({ leases: [], isOnline: (node) => (node === 3 ? online : 'unknown') }),
      told,
    )
  it('is told once, and armed again when the node is back', () => {
    expect(of(true)).toEqual({ fire: [], rearm: [] })
    expect(of(false).fire).toMatchObject([{ subject: 'node:3', event: { node: 3, leaseId: null } }])
    expect(of(false, new Set(['node:3']))).toEqual({ fire: [], rearm: [] })
    expect(of(true, new Set(['node:3']))).toEqual({ fire: [], rearm: ['node:3'] })
  })
  it('is not told by a keeper that has not listened', () => {
    expect(of('unknown')).toEqual({ fire: [], rearm: [] })
    expect(of('unknown', new Set(['node:3']))).toEqual({ fire: [], rearm: [] })
  })
})

it('waits double each time, six hours at most', () => {
  expect([1, 2, 3, 14, 60].map((attempts) => retryAfter(attempts, 30))).toEqual([30, 60, 120, 21_600, 21_600])
})

describe('where a keeper may be sent', () => {
  it.each([
    '1.1.1.1',
    '8.8.8.8',
    '172.15.255.255',
    '172.32.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '223.255.255.255',
    '2606:4700:4700::1111',
    '2a00:1450:4001::1',
  ])('%s is public', (ip) => {
    expect(isPublicAddress(ip)).toBe(true)
  })
  it.each([
    ...['0.0.0.0', '10.0.0.1', '100.64.0.1', '127.0.0.1', '127.255.255.255', '169.254.169.254', '172.16.0.1'],
    ...['172.31.255.255', '192.0.0.8', '192.168.1.1', '198.18.0.1', '224.0.0.1', '255.255.255.255'],
    ...[
      '::',
      '::1',
      '::ffff:8.8.8.8',
      '::ffff:127.0.0.1',
      '64:ff9b::7f00:1',
      'fc00::1',
      'fd12::1',
      'fe80::1',
    ],
    ...['fec0::1', 'ff02::1', '2001::1', '2001:db8::1', '2002:7f00:1::', '100::1', 'not an address', ''],
  ])('%s is not', (ip) => {
    expect(isPublicAddress(ip)).toBe(false)
  })
  it('this machine is 127.0.0.0/8 and ::1', () => {
    expect(['127.0.0.1', '127.9.9.9', '::1', '10.0.0.1', '8.8.8.8', ''].map(isLoopbackAddress)).toEqual([
      ...[true, true, true],
      ...[false, false, false],
    ])
  })
})

describe('a post', () => {
  let receiver: Receiver
  beforeAll(async () => {
    receiver = await startReceiver()
  })
  afterAll(() => receiver?.close())
  const { signal } = new AbortController()
  const port = () => new URL(receiver.url).port
  const body = JSON.stringify({
    ...{ id: `0x${'33'.repeat(32)}`, kind: 'ended', alert: 'a', chainId: 1, leaseEscrow: '0x', at: 1 },
    ...{ leaseId: null, node: null },
  })

  it.each([
    ['one private address', ['10.0.0.7']],
    ['a private address among public ones', ['93.184.216.34', '169.254.169.254']],
    ['an IPv4 address in IPv6 clothes', ['::ffff:10.0.0.7']],
    ['this machine', ['127.0.0.1']],
    ['no address', []],
  ])('is not sent to a name with %s', async (_, addresses) => {
    const post = makePost({ testLoopback: false, resolve: async () => addresses })
    const answer = await post(`https://hook.example:${port()}/a`, {}, body, signal)
    expect(answer).toMatchObject({ outcome: 'failed', why: expect.stringMatching(/address/) })
    expect(receiver.received).toEqual([])
  })

  it('goes to the address that was judged: the name is not asked a second time', async () => {
    let asked = 0
    const resolve = async () => {
      asked += 1
      return ['127.0.0.1']
    }
    const post = makePost({ testLoopback: true, resolve })
    // A name that no resolver knows: only the pinned address can be what is reached.
    const answer = await post(`http://hook.invalid:${port()}/pinned`, { 'x-a': '1' }, body, signal)
    expect(answer).toEqual({ outcome: 'delivered', why: '' })
    expect(receiver.at('/pinned')[0]!.headers).toMatchObject({ host: `hook.invalid:${port()}`, 'x-a': '1' })
    expect(asked).toBe(1)
  })

  it('says what went wrong and nothing of where', async () => {
    const post = makePost({ testLoopback: true })
    const answer = await post('http://127.0.0.1:1024/', {}, body, signal)
    expect(answer).toEqual({ outcome: 'failed', why: 'the connection failed (ECONNREFUSED)' })
    const never = makePost({ testLoopback: true, resolve: () => new Promise(() => {}) })
    const stopped = AbortSignal.timeout(50)
    expect(await never('http://hook.invalid:2000/', {}, body, stopped)).toMatchObject({
      outcome: 'failed',
      why: expect.stringMatching(/no answer/),
    })
  })
})
