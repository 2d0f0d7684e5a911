// Which addresses a keeper may be sent to by somebody else. Only what is routed on the public internet: a webhook must
// not reach into the keeper's machine, its network, or the metadata service of its cloud.
import { BlockList, isIPv4, isIPv6 } from 'node:net'

// IANA's special-purpose registries, IPv4 and IPv6.
const NOT_PUBLIC_4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const
/** Of IPv6 only 2000::/3 is public at all; inside it, what wraps or documents other addresses is not. */
const PUBLIC_6 = [['2000::', 3]] as const
const NOT_PUBLIC_6 = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const

const listOf = (ranges: readonly (readonly [string, number])[], family: 'ipv4' | 'ipv6') => {
  const list = new BlockList()
  for (const [net, prefix] of ranges) list.addSubnet(net, prefix, family)
  return list
}
const notPublic4 = listOf(NOT_PUBLIC_4, 'ipv4')
const public6 = listOf(PUBLIC_6, 'ipv6')
const notPublic6 = listOf(NOT_PUBLIC_6, 'ipv6')
const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** @param ip as a resolver gives it. IPv4 in IPv6 clothes is not public: it is not in 2000::/3. */
export const isPublicAddress = (ip: string): boolean => {
  if (isIPv4(ip)) return !notPublic4.check(ip, 'ipv4')
  return isIPv6(ip) && public6.check(ip, 'ipv6') && !notPublic6.check(ip, 'ipv6')
}

export const isLoopbackAddress = (ip: string): boolean =>
  isIPv4(ip) ? loopback.check(ip, 'ipv4') : isIPv6(ip) && loopback.check(ip, 'ipv6')
