import { HEAD_START, type PolicyParameters, REQUEST_LIFE, type Terms } from '@decloud/protocol'
import fc from 'fast-check'
import type { Hex } from 'viem'
import { describe, expect, it } from 'vitest'
import { draftOf } from '../../../scripts/lib/tenant.ts'
import {
  CLAIM_JITTER,
  claimFrom,
  claimRefusal,
  creditPlan,
  type NodeOffer,
  RECLAIM_WINDOW,
  reclaimStep,
} from '../../src/domain/duties.ts'
import type { Outage } from '../../src/domain/outage.ts'
import { SMALL_VM } from '../helpers/node.ts'

const LEASE: Hex = `0x${'ab'.repeat(32)}`
const ACTIVATE_BY = 1_800_000_000 + REQUEST_LIFE
const NOW = 1_800_000_100

const zero = { point: 0n, memoryGiB: 0n, diskGiB: 0n, gpu: 0n }
const policy: PolicyParameters = {
  floors: { point: 5_000n, memoryGiB: 2_500n, diskGiB: 50n, gpu: 50_000n },
  defaults: { point: 10_000n, memoryGiB: 5_000n, diskGiB: 100n, gpu: 100_000n },
  unitsPerVcpu: [12n, 8n, 6n, 3n],
  bandwidthMultiplierBps: [8_000n, 10_000n, 12_000n, 15_000n],
  bandwidthRates: [5_000n, 15_000n, 40_000n, 40_000n],
  platformBps: 0n,
}
/** 8 units of a point, half a GiB, 3 GiB of disk, standard bandwidth: ceil(6,666.67 + 2,500 + 300) + 15,000. */
const PRICE = 24_467n
const offer: NodeOffer = {
  active: true,
  region: '0x65752d7765737400',
  minCharge: 60,
  notice: 86_400,
  capacity: { pointUnits: 96n, memoryMiB: 8_192n, diskGiB: 100n, gpus: 1 },
  inUse: { pointUnits: 0n, memoryMiB: 0n, diskGiB: 0n, gpus: 0 },
  prices: zero,
}
const request = (terms: Partial<Terms> = {}, deposited = 10n ** 6n) => ({
  terms: { ...draftOf(SMALL_VM), ...terms },
  deposited,
  activateBy: ACTIVATE_BY,
})
const refusal = (terms: Partial<Terms>, change: Partial<NodeOffer> = {}, deposited?: bigint) =>
  claimRefusal(request(terms, deposited), { ...offer, ...change }, policy, null, NOW)

describe('a request', () => {
  it('is claimed after the head start and a wait of the node’s own, bounded, the same each time', () => {
    const opened = ACTIVATE_BY - REQUEST_LIFE
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 32 - 1 }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (node, id) => {
          const leaseId: Hex = `0x${Buffer.from(id).toString('hex')}`
          const wait = claimFrom({ leaseId, activateBy: ACTIVATE_BY }, node) - opened - HEAD_START
          expect(wait).toBeGreaterThanOrEqual(0)
          expect(wait).toBeLessThan(CLAIM_JITTER)
          expect(claimFrom({ leaseId, activateBy: ACTIVATE_BY }, node)).toBe(opened + HEAD_START + wait)
        },
      ),
    )
    const waits = Array.from({ length: 300 }, (_, node) =>
      claimFrom({ leaseId: LEASE, activateBy: ACTIVATE_BY }, node),
    )
    // Three hundred nodes over thirty seconds: every second is somebody's.
    expect(new Set(waits).size).toBe(CLAIM_JITTER)
  })

  it('that fits is claimed, at the maximum price to the unit', () => {
    expect(refusal({ maxPricePerHour: PRICE })).toBeNull()
    expect(refusal({ maxPricePerHour: PRICE - 1n })).toBe('price')
  })

  it.each([
    ['a drained node', {}, { active: false }, 'drained'],
    ['another region', { region: '0x75732d6561737400' as Hex }, {}, 'region'],
    ['a longer notice than the node gives', { minNotice: 86_401 }, {}, 'notice'],
    ['a tier that there is not', { tier: 4 }, {}, 'tier'],
    ['a bandwidth that there is not', { bandwidth: 4 }, {}, 'tier'],
    ['a GPU too many', { gpus: 2 }, {}, 'gpu'],
    ['no compute left', {}, { inUse: { ...offer.inUse, pointUnits: 89n } }, 'compute'],
    ['no memory left', {}, { inUse: { ...offer.inUse, memoryMiB: 7_681n } }, 'memory'],
    ['no disk left', {}, { inUse: { ...offer.inUse, diskGiB: 98n } }, 'disk'],
    ['more in use than there is', {}, { inUse: { ...offer.inUse, diskGiB: 200n } }, 'disk'],
  ] as const)('is left with %s', (_, terms, change, expected) =>
    expect(refusal(terms, change)).toBe(expected),
  )

  it('takes the last place, and wherever the tenant does not mind', () => {
    expect(refusal({}, { inUse: { pointUnits: 88n, memoryMiB: 7_680n, diskGiB: 97n, gpus: 1 } })).toBeNull()
    expect(refusal({ region: '0x65752d7765737400' })).toBeNull()
  })

  it('is left when it is too late for it, or when its deposit buys no minute', () => {
    expect(claimRefusal(request(), offer, policy, null, ACTIVATE_BY + 1)).toBe('lapsed')
    expect(claimRefusal(request(), offer, policy, null, ACTIVATE_BY)).toBeNull()
    const minute = (PRICE * 60n + 3_599n) / 3_600n
    expect(refusal({}, {}, minute)).toBeNull()
    expect(refusal({}, {}, minute - 1n)).toBe('runway')
  })

  it('is left where the machine itself has not what the registry says', () => {
    const room = (memoryMiB: number, diskGiB: number) =>
      claimRefusal(request(), offer, policy, { memoryMiB, diskGiB }, NOW)
    expect([room(512, 3), room(511, 3), room(512, 2.9)]).toEqual([null, 'memory', 'disk'])
  })
})

const outage = (fromMs: number, toMs: number | null): Outage => ({
  ...{ leaseId: LEASE, fromMs, toMs, cause: 'crashed', creditedMs: null },
})
const active = { status: 'Active', holdBack: 3_600 } as const
const HALF = 1_800_000

describe('what is given back', () => {
  it('waits for a minute to come together, and is rounded in favour of the tenant', () => {
    expect(creditPlan(active, [outage(0, 30_000)], null, 40_000).outages).toEqual([])
    const two = [outage(0, 30_000), outage(40_000, 69_001)]
    expect(creditPlan(active, two, null, 70_000)).toEqual({ outages: two, seconds: 60, cut: false })
  })

  it('does not wait longer than half of what is held back, nor for an end', () => {
    const short = [outage(0, 1)]
    expect(creditPlan(active, short, null, HALF - 1).seconds).toBe(0)
    expect(creditPlan(active, short, null, HALF)).toEqual({ outages: short, seconds: 1, cut: false })
    expect(creditPlan({ ...active, status: 'Ended' }, short, null, 2)).toMatchObject({ seconds: 1 })
  })

  it('is cut where it lasts, while its beginning can still be given back', () => {
    expect(creditPlan(active, [], outage(0, null), HALF - 1).cut).toBe(false)
    expect(creditPlan(active, [], outage(0, null), HALF).cut).toBe(true)
  })

  it('is nothing for an outage that took no time', () =>
    expect(creditPlan(active, [outage(5, 5)], null, HALF * 2)).toEqual({
      outages: [],
      seconds: 0,
      cut: false,
    }))
})

describe('a lease that its operator wants back', () => {
  const step = (reclaimAt: number, at: number) => reclaimStep({ status: 'Active', reclaimAt }, at)
  it('gets notice, then its time, and is taken within the window', () => {
    expect(step(0, 50)).toBe('notice')
    expect(step(100, 99)).toBe('wait')
    expect(step(100, 100)).toBe('reclaim')
    expect(step(100, 100 + RECLAIM_WINDOW - 1)).toBe('reclaim')
    expect(step(100, 100 + RECLAIM_WINDOW)).toBe('notice')
  })
  it('is left alone before it is active and after its end', () => {
    expect(reclaimStep({ status: 'Assigned', reclaimAt: 0 }, 1)).toBe('not-yet')
    expect(reclaimStep({ status: 'Ended', reclaimAt: 5 }, 9)).toBe('over')
  })
})
