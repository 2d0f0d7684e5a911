import { setImmediate } from 'node:timers/promises'
import { openDatabase } from '@decloud/chain'
import { DecloudError, type Deployment } from '@decloud/protocol'
import type { SponsorRequest } from '@decloud/protocol/wire/sponsor'
import { zeroAddress, zeroHash } from 'viem'
import { describe, expect, it } from 'vitest'
import { makeSponsorBook } from '../src/adapters/sponsor/book.ts'
import { sponsorSection } from '../src/config/sponsor.ts'
import {
  costOf,
  dayOf,
  judgeTimes,
  judgeUsage,
  judgeWorth,
  MIN_VALIDITY,
  type SponsorLimits,
  type SponsorUsage,
  worstCost,
} from '../src/domain/sponsor/limits.ts'
import { originOf } from '../src/lib/origin.ts'
import type { SponsorChain } from '../src/ports/sponsor.ts'
import { makeSponsor } from '../src/services/sponsor.ts'

const limits: SponsorLimits = {
  perAddressCount: 3,
  perAddressCost: 1_000n,
  perOriginCount: 5,
  budget: 10_000n,
  maxReverts: 2,
  minDeposit: 500_000n,
  maxCostBps: 500,
  maxManifestBytes: 100,
}
const idle: SponsorUsage = {
  address: { count: 0, cost: 0n, reverts: 0, underWay: 0 },
  subjectUnderWay: 0,
  originCount: 0,
  cost: 0n,
}
const code = (change: Partial<SponsorUsage>, cost = 100n) =>
  judgeUsage({ ...idle, ...change }, cost, limits)?.code ?? null
const address = (change: Partial<SponsorUsage['address']>) => ({ address: { ...idle.address, ...change } })

describe('what a day has room for', () => {
  it.each([
    ['nothing yet', {}, 100n, null],
    ['one under way', address({ underWay: 1 }), 0n, 'sponsor-busy'],
    ['another about the same lease', { subjectUnderWay: 1 }, 0n, 'sponsor-busy'],
    ['the last of its count', address({ count: 2 }), 0n, null],
    ['its count is full', address({ count: 3 }), 0n, 'sponsor-address-count'],
    ['the last of its cost', address({ cost: 900n }), 100n, null],
    ['over its cost by one', address({ cost: 900n }), 101n, 'sponsor-address-cost'],
    ['one refused', address({ reverts: 1 }), 0n, null],
    ['too many refused', address({ reverts: 2 }), 0n, 'sponsor-reverts'],
    ['a full network', { originCount: 5 }, 0n, 'sponsor-origin-count'],
    ['the last of the budget', { cost: 9_900n }, 100n, null],
    ['over the budget by one', { cost: 9_900n }, 101n, 'sponsor-budget'],
  ])('%s', (_, usage, cost, expected) => {
    expect(code(usage, cost)).toBe(expected)
  })
})

it('gas may cost a twentieth of what it moves, and not a unit more', () => {
  expect(judgeWorth('close', 2_000n, 100n, limits)).toBeNull()
  expect(judgeWorth('close', 1_999n, 100n, limits)?.code).toBe('sponsor-not-worth')
  expect(judgeWorth('open', 500_000n, 0n, limits)).toBeNull()
  expect(judgeWorth('open', 499_999n, 0n, limits)?.code).toBe('sponsor-deposit-small')
  expect(judgeWorth('auto-renew', 0n, 100n, limits)).toBeNull()
  expect(judgeWorth('withdraw', 0n, 1n, limits)?.code).toBe('sponsor-not-worth')
})

it('costs round up, and the worst is 2.3 times the fee', () => {
  // 200,000 gas at 50 gwei is 0.01 coin; at 0.40 USDC a coin 0.004 USDC.
  expect(costOf(200_000n, 50_000_000_000n, 400_000n)).toBe(4_000n)
  expect(costOf(1n, 1n, 1n)).toBe(1n)
  expect(costOf(0n, 50n, 400_000n)).toBe(0n)
  expect(worstCost(200_000n, 50_000_000_000n, 400_000n)).toBe(9_200n)
})

it('a signature must be good now and for two minutes more', () => {
  const now = 1_000n
  expect(judgeTimes({ validAfter: 999n, validUntil: now + MIN_VALIDITY }, now)).toBeNull()
  expect(judgeTimes({ validAfter: now, validUntil: 5_000n }, now)?.code).toBe('mandate-early')
  const short = { validAfter: 0n, validUntil: now + MIN_VALIDITY - 1n }
  expect(judgeTimes(short, now)?.code).toBe('mandate-expiring')
})

it('days change at midnight UTC', () => {
  expect(dayOf(Date.UTC(2030, 0, 1) - 1) + 1).toBe(dayOf(Date.UTC(2030, 0, 1)))
})

it.each([
  ['203.0.113.9', '203.0.113.9'],
  ['::ffff:203.0.113.9', '203.0.113.9'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0db8:0001:0002::7', '2001:db8:1:2::/64'],
  ['2001:db8::7', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('the network of %s is %s', (ip, network) => {
  expect(originOf(ip)).toBe(network)
})

describe('requests that are being looked at', () => {
  it('of one network leave room for those of others', async () => {
    const never = new Promise<never>(() => {})
    const chain: SponsorChain = {
      ...{ usdc: () => never, lease: () => never, look: () => never, accepts: () => never },
      ...{ simulate: () => never, purse: () => never, paid: () => never },
    }
    const sponsor = makeSponsor({
      config: sponsorSection.parse({ enabled: true }),
      coinPrice: 1n,
      // Nothing of it is read before the chain has answered.
      deployment: {} as Deployment,
      ...{ chain, book: makeSponsorBook(openDatabase(':memory:')) },
      journal: { send: () => never, find: () => undefined },
      log: { info() {}, warn() {}, error() {} },
    })
    const request: SponsorRequest = {
      kind: 'close',
      ...{ leaseId: zeroHash, to: zeroAddress, nonce: 1n, deadline: 1n, signature: '0x' },
    }
    const crowded = async (origin: string) => {
      const refused = sponsor.submit(request, { origin, waitMs: 0 }).then(
        () => null,
        (error: unknown) => (error instanceof DecloudError ? error.code : 'unknown'),
      )
      return Promise.race([refused, setImmediate('being looked at')])
    }
    const flood = []
    for (let i = 0; i < 20; i++) flood.push(await crowded('203.0.113.1'))
    expect(new Set(flood)).toEqual(new Set(['being looked at', 'sponsor-origin-busy']))
    expect(await crowded('203.0.113.2')).toBe('being looked at')
    for (let i = 0; i < 20; i++) flood.push(await crowded(`203.0.113.${i}`))
    expect(flood).toContain('sponsor-crowded')
  })
})
