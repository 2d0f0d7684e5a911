// What a node has earned the right to show. Plain facts in; nothing here reads anything.

export const BADGES = ['uptime-99.9', 'hosted-100', 'premium', 'audited'] as const
export type Badge = (typeof BADGES)[number]

export type BadgeFacts = {
  /** Of the 30-day window; null while nothing is known. */
  uptimeBps: number | null
  /** Leases activated on the node, as the escrow counts them. */
  hosted: number
  /** Whether its present operator has the least stake bonded. */
  premium: boolean
  /** Unix seconds until which an auditor's signed attribute holds; null without one. */
  auditedUntil: number | null
}

const UPTIME_BADGE_BPS = 9_990
const HOSTED_BADGE = 100

/** @param now unix seconds. */
export const badgesOf = (facts: BadgeFacts, now: number): Badge[] => {
  const earned: Record<Badge, boolean> = {
    'uptime-99.9': facts.uptimeBps !== null && facts.uptimeBps >= UPTIME_BADGE_BPS,
    'hosted-100': facts.hosted >= HOSTED_BADGE,
    premium: facts.premium,
    audited: facts.auditedUntil !== null && now < facts.auditedUntil,
  }
  return BADGES.filter((badge) => earned[badge])
}

export type FeatureFacts = {
  active: boolean
  online: boolean | 'unknown'
  uptimeBps: number | null
  description: string
  /** What is left of the node's capacity. */
  free: { pointUnits: bigint; memoryMiB: bigint; diskGiB: bigint }
}

const FEATURED_BPS = 9_500

/** Online, at least 95 % uptime, described, with room: only such a node may be featured. */
export const isFeaturable = ({ active, online, uptimeBps, description, free }: FeatureFacts): boolean =>
  active &&
  online === true &&
  uptimeBps !== null &&
  uptimeBps >= FEATURED_BPS &&
  description.trim() !== '' &&
  free.pointUnits > 0n &&
  free.memoryMiB > 0n &&
  free.diskGiB > 0n
