// Whether the machine can be reached at an address of its own: from what it has, and from what others see. Pure.
import { isIPv4 } from 'node:net'
import type { Known, NatClass } from '@decloud/protocol/wire/facts'
import { ipv4ToNumber } from '../hypervisor/ipv4.ts'
import { unknown, value } from './known.ts'

export type Sight = {
  /** Who was asked, for a sentence. */
  readonly by: string
  readonly ipv4: Known<string>
}

const numberOf = (ipv4: string): number | null => (isIPv4(ipv4) ? ipv4ToNumber(ipv4) : null)

const within = (ipv4: string, base: string, prefix: number): boolean => {
  const [a, b] = [numberOf(ipv4), numberOf(base)]
  if (a === null || b === null) return false
  const block = 2 ** (32 - prefix)
  return Math.floor(a / block) === Math.floor(b / block)
}

/** RFC 6598: handed out by carriers only. */
const isCarriers = (ipv4: string): boolean => within(ipv4, '100.64.0.0', 10)

/** RFC 6890: not reachable from elsewhere. */
const SPECIAL = [
  ...[['0.0.0.0', 8] as const, ['10.0.0.0', 8] as const, ['127.0.0.0', 8] as const],
  ...[['169.254.0.0', 16] as const, ['172.16.0.0', 12] as const, ['192.0.0.0', 24] as const],
  ...[['192.0.2.0', 24] as const, ['192.168.0.0', 16] as const, ['198.18.0.0', 15] as const],
  ...[['198.51.100.0', 24] as const, ['203.0.113.0', 24] as const, ['224.0.0.0', 3] as const],
]

export const isPublic = (ipv4: string): boolean =>
  numberOf(ipv4) !== null &&
  !isCarriers(ipv4) &&
  !SPECIAL.some(([base, prefix]) => within(ipv4, base, prefix))

/** The address that all who answered agree on. */
export const publicAddressOf = (local: Known<string>, sights: readonly Sight[]): Known<string> => {
  const seen = new Set(sights.flatMap(({ ipv4 }) => ('value' in ipv4 ? [ipv4.value] : [])))
  // A keeper in the same house sees the address that the machine has there.
  const outside = [...seen].filter(isPublic)
  const [first, second] = outside
  if (second !== undefined) return unknown(`Those who were asked see several: ${outside.join(', ')}.`)
  if (first !== undefined) return value(first)
  if ('value' in local && isPublic(local.value)) return local
  if (seen.size > 0) return unknown(`It is seen as ${[...seen].join(', ')}, which is no public address.`)
  const why = sights.flatMap(({ by, ipv4 }) => ('unknown' in ipv4 ? [`${by}: ${ipv4.unknown}`] : []))[0]
  return unknown(
    why === undefined
      ? 'Nobody outside was asked: no STUN server and no keeper is configured.'
      : `Nobody outside answered (${why})`,
  )
}

/**
 * @param local the address that the default route leaves from.
 * @returns carrier-grade only where a carrier's range is seen: a carrier that uses another looks like any other NAT.
 */
export const natClassOf = (local: Known<string>, sights: readonly Sight[]): Known<NatClass> => {
  if ('unknown' in local) return local
  if (isCarriers(local.value)) return value('carrier-grade')
  const seen = sights.flatMap(({ ipv4 }) => ('value' in ipv4 ? [ipv4.value] : []))
  if (seen.some(isCarriers)) return value('carrier-grade')
  if (seen.some((address) => isPublic(address) && address !== local.value)) return value('nat')
  if (isPublic(local.value)) return value('public')
  return unknown(
    `Its own address is private, and ${seen.length === 0 ? 'nobody outside has seen another' : 'it was asked about from its own network'}.`,
  )
}
