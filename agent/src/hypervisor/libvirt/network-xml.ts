import type { NetworkSpec } from '../../ports/hypervisor.ts'
import {
  type DhcpHost,
  guestRange,
  hostAddress,
  ipv4ToNumber,
  netmask,
  numberToIpv4,
  parseSubnet,
  prefixOfNetmask,
  type Subnet,
} from '../ipv4.ts'
import { metadataNamespace } from './metadata.ts'
import { attributesOf, escapeXml } from './xml.ts'

/** What is read back from libvirt's description of a network. */
export interface NetworkFacts {
  readonly subnet: Subnet | null
  readonly mode: string
  /** Made by an agent, which may therefore remove it. */
  readonly ours: boolean
  readonly hosts: readonly DhcpHost[]
}

/** Pure. Throws HypervisorError `invalid` for a malformed subnet or name. */
export function networkXml(spec: NetworkSpec): string {
  const subnet = parseSubnet(spec.subnet)
  const range = guestRange(subnet)
  const forward = spec.mode === 'nat' ? `\n  <forward mode='nat'/>` : ''
  return `<network>
  <name>${escapeXml(spec.name)}</name>
  <metadata>
    <decloud:network xmlns:decloud='${metadataNamespace}'/>
  </metadata>${forward}
  <bridge stp='off' delay='0'/>
  <ip address='${hostAddress(subnet)}' netmask='${netmask(subnet.prefix)}'>
    <dhcp>
      <range start='${numberToIpv4(range.first)}' end='${numberToIpv4(range.last)}'/>
    </dhcp>
  </ip>
</network>
`
}

export function dhcpHostXml(host: DhcpHost): string {
  return `<host mac='${escapeXml(host.mac)}' ip='${escapeXml(host.ip)}'/>`
}

export function parseNetwork(xml: string): NetworkFacts {
  const ip = attributesOf(xml.match(/<ip [^>]*>/)?.[0] ?? '')
  const prefix = ip['netmask'] ? prefixOfNetmask(ip['netmask']) : Number(ip['prefix'] ?? Number.NaN)
  const address = ip['address']
  const size = 2 ** (32 - prefix)
  const subnet =
    address && Number.isInteger(prefix)
      ? { base: Math.floor(ipv4ToNumber(address) / size) * size, prefix }
      : null
  const hosts = [...xml.matchAll(/<host [^>]*>/g)].map(([element]) => attributesOf(element))
  return {
    subnet,
    mode: attributesOf(xml.match(/<forward [^>]*>/)?.[0] ?? '')['mode'] ?? 'isolated',
    ours: xml.includes(metadataNamespace),
    hosts: hosts.flatMap(({ mac, ip }) => (mac && ip ? [{ mac: mac.toLowerCase(), ip }] : [])),
  }
}
