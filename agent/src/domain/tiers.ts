// What the tiers of a lease mean on this machine. Pure; why it is so: docs/decisions/0012.
import { BANDWIDTH_TIERS, type BandwidthTier, UNITS_PER_POINT } from '@decloud/protocol'
import type { BandwidthLimits, CpuLimits } from '../ports/hypervisor.ts'

/** The kernel's own default: long enough that a vCPU is not stopped often, short enough not to be felt. */
const PERIOD_US = 100_000
/** A guest may use twice what it pays for while others leave it free, and a whole core per vCPU at most. */
const BURST = 2
/** A whole vCPU then weighs 96, about the default of cgroup v2; a guest of any size stays within both hierarchies. */
const SHARES_PER_UNIT = 8
const MIN_SHARES = 2
/** The largest weight of cgroup v2; v1 has room for more. */
const MAX_SHARES = 10_000

const WHOLE_CORE = Number(UNITS_PER_POINT)

/**
 * @param unitsPerVcpu of the lease's quality tier, from the price policy: 12 a whole core, 3 a quarter.
 * @param ready whether the guest has set itself up; until then it boots at full speed.
 */
export const cpuLimits = (unitsPerVcpu: number, vcpus: number, ready: boolean): CpuLimits => {
  const shares = unitsPerVcpu * vcpus * SHARES_PER_UNIT
  const cap = Math.min(1, (BURST * unitsPerVcpu) / WHOLE_CORE)
  return {
    shares: Math.min(Math.max(shares, MIN_SHARES), MAX_SHARES),
    periodUs: PERIOD_US,
    ...(ready ? { quotaUs: Math.round(cap * vcpus * PERIOD_US) } : {}),
  }
}

/** A period without a quota limits nothing, so that of an unlimited guest is not looked at. */
export const sameCpu = (a: CpuLimits, b: CpuLimits): boolean =>
  a.shares === b.shares && a.quotaUs === b.quotaUs && (a.quotaUs === undefined || a.periodUs === b.periodUs)

// Towards the guest and from it alike: 10, 50 and 200 Mbit/s that can be kept up, twice that for a second.
const BANDWIDTH: Readonly<Record<BandwidthTier, BandwidthLimits | null>> = {
  Basic: { averageKBps: 1_250, peakKBps: 2_500, burstKB: 1_250 },
  Standard: { averageKBps: 6_250, peakKBps: 12_500, burstKB: 6_250 },
  Performance: { averageKBps: 25_000, peakKBps: 50_000, burstKB: 25_000 },
  Unmetered: null,
}

/**
 * @param index of the tier in the price policy's table.
 * @returns null for no limit; undefined for a tier that this version of the agent does not know.
 */
export const bandwidthLimits = (index: number): BandwidthLimits | null | undefined => {
  const tier = BANDWIDTH_TIERS[index]
  return tier === undefined ? undefined : BANDWIDTH[tier]
}

export const sameBandwidth = (a: BandwidthLimits | null, b: BandwidthLimits | null): boolean =>
  a === null || b === null
    ? a === b
    : a.averageKBps === b.averageKBps && a.peakKBps === b.peakKBps && a.burstKB === b.burstKB
