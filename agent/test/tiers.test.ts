import { BANDWIDTH_TIERS, QUALITY_TIERS } from '@decloud/protocol'
import { expect, it } from 'vitest'
import { cpuLimits, holdsTo, linkRate, sameCpu } from '../src/domain/tiers.ts'
import { UNITS_PER_VCPU } from './helpers/resources.ts'

const unitsOf = (tier: (typeof QUALITY_TIERS)[number]) => UNITS_PER_VCPU[QUALITY_TIERS.indexOf(tier)]!

it.each([
  ['Dedicated', 1, 96, 100_000],
  ['Dedicated', 4, 384, 400_000],
  ['Standard', 2, 128, 200_000],
  ['Balanced', 2, 96, 200_000],
  ['Burstable', 1, 24, 50_000],
  ['Burstable', 4, 96, 200_000],
] as const)(
  '%s with %i vCPUs weighs %i and is held to %i µs of each 100 ms',
  (tier, vcpus, shares, quotaUs) => {
    expect(cpuLimits(unitsOf(tier), vcpus, true)).toEqual({ shares, periodUs: 100_000, quotaUs })
  },
)

it('a guest that is not Ready has its weight and no quota', () => {
  for (const units of UNITS_PER_VCPU) {
    const { quotaUs, ...booting } = cpuLimits(units, 2, true)
    expect(cpuLimits(units, 2, false)).toEqual(booting)
    expect(quotaUs).toBeGreaterThan(0)
  }
})

it('on a full node each guest gets by weight what it pays for, and no quota is below that', () => {
  // Eight cores, sold to the last unit in one tier: a vCPU is owed units/12 of a core.
  for (const units of UNITS_PER_VCPU) {
    const guests = (8 * 12) / units
    const limits = cpuLimits(units, 1, true)
    const owedUs = (limits.periodUs! * 8 * limits.shares!) / (guests * limits.shares!)
    expect(owedUs).toBeCloseTo((units / 12) * limits.periodUs!)
    expect(limits.quotaUs).toBeGreaterThanOrEqual(owedUs)
    expect(limits.quotaUs).toBeLessThanOrEqual(limits.periodUs!)
  }
})

it('weights stay within both versions of cgroups, for the smallest and for absurd guests', () => {
  expect(cpuLimits(1, 1, true).shares).toBeGreaterThanOrEqual(2)
  expect(cpuLimits(12, 500, true).shares).toBe(10_000)
})

it('limits are the same by what they do: the period of an unlimited guest is not looked at', () => {
  const capped = cpuLimits(3, 1, true)
  expect(sameCpu(capped, { ...capped })).toBe(true)
  expect(sameCpu(capped, { ...capped, quotaUs: 49_999 })).toBe(false)
  expect(sameCpu(capped, { ...capped, periodUs: 50_000 })).toBe(false)
  expect(sameCpu(capped, { ...capped, shares: 25 })).toBe(false)
  expect(sameCpu(capped, cpuLimits(3, 1, false))).toBe(false)
  expect(sameCpu({ shares: 24, periodUs: 1 }, { shares: 24, periodUs: 2 })).toBe(true)
})

it('bandwidth tiers are 10, 50 and 200 Mbit/s with a burst at twice that; Unmetered is none', () => {
  const rates = BANDWIDTH_TIERS.map((_, index) => linkRate(index))
  expect(rates).toEqual([
    { average: 1_250, peak: 2_500, burst: 1_250 },
    { average: 6_250, peak: 12_500, burst: 6_250 },
    { average: 25_000, peak: 50_000, burst: 25_000 },
    null,
  ])
  expect(linkRate(4)).toBeUndefined()
})

it('a link is held to a rate only in both directions', () => {
  const basic = linkRate(0)!
  expect(holdsTo({ inbound: basic, outbound: basic }, basic)).toBe(true)
  expect(holdsTo({ inbound: basic }, basic)).toBe(false)
  expect(holdsTo({ inbound: basic, outbound: linkRate(1)! }, basic)).toBe(false)
  expect(holdsTo(null, basic)).toBe(false)
})
