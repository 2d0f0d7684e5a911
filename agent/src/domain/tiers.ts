// What the tiers of a lease mean on this machine. Pure; why it is so: docs/decisions/0014.
import { BANDWIDTH_TIERS, type BandwidthTier, UNITS_PER_POINT } from '@decloud/protocol'
import type { BandwidthLimits, CpuLimits } from '../ports/hypervisor.ts'
import type { LinkRate } from '../ports/shaper.ts'

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
const BANDWIDTH: Readonly<Record<BandwidthTier, LinkRate | null>> = {
  Basic: { average: 1_250, peak: 2_500, burst: 1_250 },
  Standard: { average: 6_250, peak: 12_500, burst: 6_250 },
  Performance: { average: 25_000, peak: 50_000, burst: 25_000 },
  Unmetered: null,
}

/**
 * @param index of the tier in the price policy's table.
 * @returns null for no limit; undefined for a tier that this version of the agent does not know.
 */
export const linkRate = (index: number): LinkRate | null | undefined => {
  const tier = BANDWIDTH_TIERS[index]
  return tier === undefined ? undefined : BANDWIDTH[tier]
}

/** Whether the hypervisor holds both directions to this rate. */
export const holdsTo = (limits: BandwidthLimits | null, rate: LinkRate): boolean =>
  [limits?.inbound, limits?.outbound].every(
    (shape) => shape?.average === rate.average && shape.peak === rate.peak && shape.burst === rate.burst,
  )
