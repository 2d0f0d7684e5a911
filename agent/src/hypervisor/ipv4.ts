import { createHash } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { HypervisorError } from '../ports/hypervisor.ts'

/** An IPv4 range; `base` is its network address as an unsigned 32-bit number. */
export interface Subnet {
  readonly base: number
  readonly prefix: number
}

export function ipv4ToNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
}

export function numberToIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.')
}

export function netmask(prefix: number): string {
  return numberToIpv4(prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0)
}

export function prefixOfNetmask(mask: string): number {
  return 32 - Math.log2(2 ** 32 - ipv4ToNumber(mask))
}

/** Throws HypervisorError `invalid` unless `cidr` is the network address of a /16 to /29. */
export function parseSubnet(cidr: string): Subnet {
  const [address = '', bits = ''] = cidr.split('/')
  const prefix = Number(bits)
  if (!isIPv4(address) || !/^\d+$/.test(bits) || prefix < 16 || prefix > 29) {
    throw new HypervisorError(
      'invalid',
      `${cidr} is not an IPv4 subnet between /16 and /29, such as 192.168.150.0/24`,
    )
  }
  const base = ipv4ToNumber(address)
  if (base % 2 ** (32 - prefix) !== 0) {
    throw new HypervisorError('invalid', `${cidr} has host bits set: give the network's own address`)
  }
  return { base, prefix }
}

function lastAddress(subnet: Subnet): number {
  return subnet.base + 2 ** (32 - subnet.prefix) - 1
}

export function overlaps(a: Subnet, b: Subnet): boolean {
  return a.base <= lastAddress(b) && b.base <= lastAddress(a)
}

/** The host's own address in it. */
export const hostAddress = ({ base }: Subnet): string => numberToIpv4(base + 1)

/** The first address is the host's, the last is broadcast; the rest is for guests. */
export function guestRange(subnet: Subnet): { readonly first: number; readonly last: number } {
  return { first: subnet.base + 2, last: lastAddress(subnet) - 1 }
}

/** Whether a text is the address of some guest in it: not the host's own, and not a name. */
export function isGuestAddress(subnet: Subnet, text: string): boolean {
  const { first, last } = guestRange(subnet)
  return isIPv4(text) && ipv4ToNumber(text) >= first && ipv4ToNumber(text) <= last
}

/** The ranges in the text of /proc/net/route, whose addresses are hexadecimal in the host's byte order (little-endian). */
export function parseRoutes(table: string): readonly { readonly device: string; readonly subnet: Subnet }[] {
  const address = (hex: string) => Buffer.from(hex, 'hex').readUInt32LE()
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/))
    .flatMap(([device, destination, , , , , , mask]) =>
      device && destination && mask && mask !== '00000000'
        ? [
            {
              device,
              subnet: { base: address(destination), prefix: prefixOfNetmask(numberToIpv4(address(mask))) },
            },
          ]
        : [],
    )
}

/** An address that DHCP keeps for one MAC, or has leased to it; `mac` in lower case. */
export interface DhcpHost {
  readonly mac: string
  readonly ip: string
}

/**
 * The first address that no reservation holds and DHCP has not leased to another, from a place of the MAC's own on; null
 * when every one is reserved. Pure. One that a departed guest still has leased is the last resort: DHCP refuses it to the
 * newcomer and gives another after seconds of pinging, and whoever had a tunnel to the one would find the other. For the
 * same reason the search does not begin at the lowest address, which would be that of the guest that left last.
 */
export function freeAddress(
  subnet: Subnet,
  hosts: readonly DhcpHost[],
  leased: readonly DhcpHost[],
  mac: string,
): string | null {
  const own = mac.toLowerCase()
  const reserved = new Set(hosts.map((host) => ipv4ToNumber(host.ip)))
  const departed = new Set(leased.flatMap((lease) => (lease.mac === own ? [] : [ipv4ToNumber(lease.ip)])))
  const { first, last } = guestRange(subnet)
  const size = last - first + 1
  const start = createHash('sha256').update(own).digest().readUInt32BE(0) % size
  const unreserved = Array.from({ length: size }, (_, i) => first + ((start + i) % size)).filter(
    (candidate) => !reserved.has(candidate),
  )
  const chosen = unreserved.find((candidate) => !departed.has(candidate)) ?? unreserved[0]
  return chosen === undefined ? null : numberToIpv4(chosen)
}
