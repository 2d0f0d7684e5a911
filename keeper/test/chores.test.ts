import { RevertError } from '@decloud/chain'
import { type LeaseView, REQUEST_LIFE, USDC } from '@decloud/protocol'
import { gasCost, isWithin } from '@decloud/protocol/gas'
import {
  type Chore,
  choresAt,
  DEPLETED_GRACE,
  inOwnOrder,
  PLANNED_GAS,
  type UpkeepLimits,
} from '@decloud/protocol/upkeep'
import fc from 'fast-check'
import { type Address, type Hex, toHex, zeroAddress, zeroHash } from 'viem'
import { describe, expect, it } from 'vitest'
import type { ChoreChain } from '../src/ports/chores.ts'
import { makePreparer } from '../src/services/chores.ts'

const NOW = 2_000_000_000
const TENANT: Address = '0x1111111111111111111111111111111111111111'
const LIMITS: UpkeepLimits = { minSettle: 50_000n, batchSize: 10, gasCapBps: 500n }
/** 30 gwei at one USDC a coin: 40,000 + 25,000 gas cost 1,950 µUSDC. */
const PRICE = { weiPerGas: 30n * 10n ** 9n, coinUsdc: USDC }
const FREE = { weiPerGas: 0n, coinUsdc: USDC }

let ids = 0
/** Active for ten hours at one USDC per hour, with a hundred paid in; ten are vested but for the hold-back. */
const lease = (change: Partial<LeaseView> = {}): LeaseView => {
  ids += 1
  return {
    leaseId: toHex(ids, { size: 32 }),
    status: 'Active',
    tenant: TENANT,
    terms: {
      ...{ tenant: TENANT, node: 1, vcpus: 1, tier: 1, bandwidth: 1, gpus: 0, memoryMiB: 512, diskGiB: 5 },
      ...{ region: '0x0000000000000000', maxPricePerHour: USDC, deposit: 100n * USDC, holdBack: 3_600 },
      ...{ minNotice: 0, activateWithin: 900, template: 0, templateVersion: 0, maxTemplateFee: 0n },
      ...{ manifestHash: zeroHash, salt: zeroHash },
    },
    ...{ manifest: '0x', requestedAtBlock: 1n, node: 1, pricePerHour: USDC, minCharge: 60, notice: 0 },
    ...{ platformBps: 0, relay: 0, relayBps: 0, activateBy: NOW - 35_000, startedAt: NOW - 36_000 },
    ...{ hostKeyFingerprint: zeroHash, deposited: 100n * USDC, settled: 0n, paidBefore: 0n, credited: 0 },
    ...{ holdBack: 3_600, reclaimAt: 0, formerRelays: [], templateFee: null },
    renewal: { amount: 0n, budget: 0n, runway: 0 },
    ...{ endReason: 'None', endedAt: 0, due: 0n, refunded: 0n },
    ...change,
  }
}
const plan = (leases: readonly LeaseView[], change: Partial<UpkeepLimits> = {}, price = FREE, balance = 0n) =>
  choresAt({ leases, balanceOf: () => balance }, NOW, { ...LIMITS, ...change }, price)
const kindsOf = (chores: readonly Chore[]) => chores.map(({ kind }) => kind)
const ended = (due: bigint, change: Partial<LeaseView> = {}) =>
  lease({
    ...{ status: 'Ended', endReason: 'Depleted', deposited: due, due, endedAt: NOW - 7_200 },
    ...change,
  })

describe('the gas of a chore', () => {
  it('is taken for more rather than less, and held against what it moves', () => {
    expect(gasCost(65_000n, PRICE)).toBe(1_950n)
    expect(gasCost(1n, { weiPerGas: 1n, coinUsdc: 1n })).toBe(1n)
    expect(isWithin(50n, 1_000n, 500n)).toBe(true)
    expect(isWithin(51n, 1_000n, 500n)).toBe(false)
  })
})

describe('settling', () => {
  it('takes the richest first, in batches, and leaves what has vested too little', () => {
    const rich = lease({ pricePerHour: 3n * USDC })
    const poor = lease({ settled: 8_999_999n })
    const others = [lease(), lease()]
    const { chores } = plan([poor, ...others, rich], { batchSize: 2 })
    expect(chores.map((chore) => 'leaseIds' in chore && chore.leaseIds)).toEqual([
      [rich.leaseId, others[0]!.leaseId],
      [others[1]!.leaseId],
    ])
    expect(chores[0]!.moves).toBe(36n * USDC)
  })

  it('waits while its gas costs more than its part, and goes with others when that pays', () => {
    const dust = ended(30_000n)
    expect(plan([dust], {}, PRICE)).toMatchObject({ chores: [], waiting: { leases: 1, moves: 30_000n } })
    const { chores, waiting } = plan([dust, lease()], {}, PRICE)
    expect(chores).toHaveLength(1)
    expect(chores[0]).toMatchObject({ kind: 'settle', moves: 9n * USDC + 30_000n })
    expect(waiting.leases).toBe(0)
  })

  it('spreads small remains over the batches that pay for them, when they would fill the last one alone', () => {
    const rich = Array.from({ length: 20 }, () => lease())
    const remains = Array.from({ length: 20 }, () => ended(461n))
    const { chores, waiting } = plan([...remains, ...rich], {}, PRICE)
    expect(waiting).toEqual({ leases: 0, moves: 0n })
    expect(chores).toHaveLength(4)
    for (const chore of chores) expect(chore.moves).toBe(5n * 9n * USDC + 5n * 461n)
    // Two that pay can take no more than two batches.
    const few = plan([...remains, ...rich.slice(0, 2)], {}, PRICE)
    expect(few.chores.map(({ moves }) => moves)).toEqual([9n * USDC + 9n * 461n, 9n * USDC + 9n * 461n])
    expect(few.waiting).toEqual({ leases: 2, moves: 2n * 461n })
  })

  it('settles together what pays for its gas together, though none of it does alone', () => {
    // 1,950 µUSDC alone, of which 39,000 would have to move; 8,700 for ten, and so 17,400 each.
    const each = Array.from({ length: 10 }, () => ended(18_000n))
    expect(plan(each.slice(1), {}, PRICE)).toMatchObject({ chores: [{ moves: 9n * 18_000n }] })
    expect(plan(each.slice(5), {}, PRICE)).toMatchObject({ chores: [], waiting: { leases: 5 } })
  })

  it('never plans a batch whose gas is over its part, and leaves nothing out that would be within', () => {
    const gains = fc.array(fc.bigInt({ min: 1n, max: 400_000n }), { maxLength: 60 })
    fc.assert(
      fc.property(gains, fc.bigInt({ min: 1n, max: 3_000n }), (amounts, gwei) => {
        const price = { weiPerGas: gwei * 10n ** 9n, coinUsdc: USDC }
        const leases = amounts.map((amount) => ended(amount))
        const { chores, waiting } = plan(leases, {}, price)
        const costOf = (count: number) =>
          gasCost(PLANNED_GAS.call + PLANNED_GAS.settleOne * BigInt(count), price)
        for (const chore of chores) {
          if (chore.kind !== 'settle') throw new Error(chore.kind)
          expect(isWithin(costOf(chore.leaseIds.length), chore.moves, LIMITS.gasCapBps)).toBe(true)
        }
        const taken = chores.flatMap((chore) => ('leaseIds' in chore ? chore.leaseIds : []))
        expect(new Set(taken).size).toBe(taken.length)
        expect(taken.length + waiting.leases).toBe(leases.length)
        const left = leases.filter(({ leaseId }) => !taken.includes(leaseId))
        for (const { due } of left) expect(isWithin(costOf(1), due, LIMITS.gasCapBps)).toBe(false)
      }),
    )
  })
})

describe('what else is due', () => {
  it('renews inside the bounds: from the runway on, with budget and balance, one balance for all', () => {
    const renewal = { amount: USDC, budget: USDC, runway: 3_600 * 90 }
    const due = lease({ renewal })
    expect(kindsOf(plan([due], { minSettle: 100n * USDC }, FREE, USDC).chores)).toEqual(['renew'])
    const refused: [Partial<LeaseView>, bigint][] = [
      [{ renewal: { ...renewal, runway: 3_600 * 90 - 1 } }, USDC],
      [{ renewal: { ...renewal, budget: USDC - 1n } }, USDC],
      [{ renewal: { ...renewal, amount: 0n } }, USDC],
      [{ renewal }, USDC - 1n],
      [{ renewal, status: 'Ended', endedAt: NOW }, USDC],
    ]
    for (const [change, balance] of refused) {
      expect(kindsOf(plan([lease(change)], { minSettle: 100n * USDC }, FREE, balance).chores)).toEqual([])
    }
    const three = [lease({ renewal }), lease({ renewal }), lease({ renewal })]
    expect(plan(three, { minSettle: 100n * USDC }, FREE, 2n * USDC).chores).toHaveLength(2)
  })

  it('does not renew a depleted lease by less than its new segment must last', () => {
    const depleted = { deposited: 10n * USDC, startedAt: NOW - 36_000 }
    const least = (USDC * 60n + 3_599n) / 3_600n
    const renewal = (amount: bigint) => ({ amount, budget: amount, runway: 0 })
    const kinds = (amount: bigint) =>
      kindsOf(plan([lease({ ...depleted, renewal: renewal(amount) })], {}, FREE, USDC).chores)
    expect(kinds(least)).toContain('renew')
    expect(kinds(least - 1n)).not.toContain('renew')
  })

  it('keeps a lease that can be renewed, though it has been depleted for 72 hours', () => {
    const old = { deposited: USDC, startedAt: NOW - DEPLETED_GRACE - 3_600 }
    expect(kindsOf(plan([lease(old)]).chores)).toEqual(['settle', 'end'])
    const renewal = { amount: USDC, budget: USDC, runway: 0 }
    expect(kindsOf(plan([lease({ ...old, renewal })], {}, FREE, USDC).chores)).toEqual(['renew', 'settle'])
    expect(kindsOf(plan([lease({ ...old, startedAt: old.startedAt + 1 })]).chores)).toEqual(['settle'])
  })

  it('expires what was not active in time, and lapsed requests', () => {
    const waits = { startedAt: 0, pricePerHour: 0n }
    const late = lease({ ...waits, status: 'Assigned', activateBy: NOW - 1 })
    const inTime = lease({ ...waits, status: 'Assigned', activateBy: NOW })
    const lapsed = lease({ ...waits, status: 'Requested', activateBy: NOW - REQUEST_LIFE })
    const { chores } = plan([late, inTime, lapsed])
    expect(chores).toEqual([
      { kind: 'expire', leaseId: late.leaseId, moves: 100n * USDC },
      { kind: 'expire', leaseId: lapsed.leaseId, moves: 100n * USDC },
    ])
  })

  it('releases a held fee once its refund window is over', () => {
    const fee = (refundWindow: number, held = USDC) => ({
      templateFee: { author: zeroAddress, held, toAuthor: 0n, toPlatform: 0n, refundWindow },
    })
    const only = (one: LeaseView) => plan([one], { minSettle: 1_000n * USDC }).chores
    expect(only(lease(fee(36_000)))).toMatchObject([{ kind: 'release', moves: USDC }])
    expect(only(lease(fee(36_001)))).toEqual([])
    expect(only(lease(fee(0, 0n)))).toEqual([])
    expect(only(lease({ ...fee(0), status: 'Assigned', startedAt: 0, activateBy: NOW }))).toEqual([])
  })

  it('goes in an order of its own within each kind, and leaves nothing out', () => {
    const leases = Array.from({ length: 12 }, () =>
      lease({ status: 'Assigned', startedAt: 0, activateBy: NOW - 1 }),
    )
    const { chores } = plan([...leases, lease(), lease()])
    const orders = [1, 2].map((n) => inOwnOrder(chores, toHex(n, { size: 20 })))
    expect(orders[0]).not.toEqual(orders[1])
    for (const order of orders) {
      expect(kindsOf(order)).toEqual(kindsOf(chores))
      expect(new Set(order)).toEqual(new Set(chores))
    }
  })
})

describe('the look before the sending', () => {
  const refusal = () => new RevertError('simulation-reverted', 'refused', { errorName: 'Some', args: [] }, {})
  const targets = { leaseEscrow: zeroAddress, leaseMandates: zeroAddress }
  const caps = { gasCapBps: 500n, choreGas: 10_000n }
  let estimates = 0
  /** Gains by id; a call that holds a word of `poison` is refused. */
  const chain = (gains: Record<Hex, bigint>, poison: readonly Hex[] = []): ChoreChain => ({
    gains: async (leaseIds) => leaseIds.map((id) => gains[id] ?? 0n),
    estimate: async ({ data }) => {
      estimates += 1
      if (poison.some((id) => data.includes(id.slice(2)))) throw refusal()
      return 100_000n
    },
    weiPerGas: async () => 0n,
    funds: async () => 0n,
  })
  const word = (n: number) => toHex(n, { size: 32 })
  const settle = (...leaseIds: Hex[]): Chore => ({ kind: 'settle', leaseIds, moves: 0n })

  it('drops what somebody else settled meanwhile', async () => {
    const prepare = makePreparer(chain({ [word(1)]: 5n }), targets, caps)
    const [gone, ready] = await prepare(settle(word(1), word(2)), FREE)
    expect(gone).toMatchObject({ kind: 'settle', leases: 1, reason: 'done-already' })
    expect(ready).toMatchObject({ chore: { leaseIds: [word(1)], moves: 5n } })
    expect(await prepare(settle(word(2)), FREE)).toMatchObject([{ reason: 'done-already' }])
  })

  it('halves a batch until the bad one is out, within bounds', async () => {
    const all = Array.from({ length: 100 }, (_, i) => word(i + 1))
    const gains = Object.fromEntries(all.map((id) => [id, 10n]))
    estimates = 0
    const found = await makePreparer(chain(gains, [word(37)]), targets, caps)(settle(...all), FREE)
    const ready = found.filter((item) => 'call' in item)
    const sent = ready.flatMap(({ chore }) => (chore.kind === 'settle' ? chore.leaseIds : []))
    expect(sent.toSorted()).toEqual(all.filter((id) => id !== word(37)).toSorted())
    expect(found.filter((item) => 'reason' in item)).toMatchObject([{ reason: 'refused', leases: 1 }])
    expect(estimates).toBeLessThan(20)
    estimates = 0
    await makePreparer(chain(gains, all), targets, caps)(settle(...all), FREE)
    expect(estimates).toBeLessThanOrEqual(200)
  })

  it('leaves out what costs more than its part, and charity above its price', async () => {
    const prepare = makePreparer(chain({ [word(1)]: 59_999n, [word(2)]: 60_000n }), targets, caps)
    // 100,000 gas at 30 gwei: 3,000 µUSDC, a twentieth of 60,000.
    expect(await prepare(settle(word(1)), PRICE)).toMatchObject([{ reason: 'too-dear' }])
    expect(await prepare(settle(word(2)), PRICE)).toMatchObject([{ cost: 3_000n, gas: 100_000n }])
    const expire: Chore = { kind: 'expire', leaseId: word(1), moves: 0n }
    expect(await prepare(expire, PRICE)).toMatchObject([{ cost: 3_000n }])
    const dear = { ...PRICE, weiPerGas: 101n * 10n ** 9n }
    expect(await prepare(expire, dear)).toMatchObject([{ reason: 'too-dear' }])
    const renew: Chore = { kind: 'renew', leaseId: word(1), moves: 59_999n }
    expect(await prepare(renew, PRICE)).toMatchObject([{ reason: 'too-dear' }])
  })
})
