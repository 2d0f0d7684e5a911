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
