// Trust badges: what a node has shown, not what it says.
import { type Attribute, wordText } from './node.ts'

export type Badge = 'uptime-99.9' | 'hosted-100' | 'premium' | 'audited'

const UPTIME_BPS = 9_990
const HOSTED = 100

export type Shown = {
  /** `null`: unknown. */
  uptimeBps: number | null
  hosted: number
  isPremium: boolean
  attributes: readonly Attribute[]
}

/** @param at unix seconds. @param auditors whose signature on "audited" counts; anyone can sign an attribute. */
export const badgesOf = (node: Shown, at: number, auditors: readonly string[]): Badge[] => {
  const audited = node.attributes.some(
    ({ attribute, auditor, issuedAt, expiresAt }) =>
      wordText(attribute) === 'audited' &&
      issuedAt <= at &&
      at < expiresAt &&
      auditors.some((one) => one.toLowerCase() === auditor.toLowerCase()),
  )
  return [
    ...((node.uptimeBps ?? 0) >= UPTIME_BPS ? (['uptime-99.9'] as const) : []),
    ...(node.hosted >= HOSTED ? (['hosted-100'] as const) : []),
    ...(node.isPremium ? (['premium'] as const) : []),
    ...(audited ? (['audited'] as const) : []),
  ]
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
