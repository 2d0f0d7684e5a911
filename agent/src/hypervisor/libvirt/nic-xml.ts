// The interface of a running domain, as libvirt describes it. Pure.
import type { BandwidthLimits, BandwidthShape, LiveNic } from '../../ports/hypervisor.ts'
import { attributesOf } from './xml.ts'

/** The first interface of a running domain; null when it has none. */
export function parseNic(xml: string): (Omit<LiveNic, 'ip'> & { network: string | null }) | null {
  const nic = /<interface [^>]*>[\s\S]*?<\/interface>/.exec(xml)?.[0] ?? ''
  const of = (name: string) => attributesOf(new RegExp(`<${name} [^>]*>`).exec(nic)?.[0] ?? '')
  const device = of('target')['dev']
  const mac = of('mac')['address']
  if (device === undefined || mac === undefined) return null
  const { network = null } = of('source')
  return { device, network, mac: mac.toLowerCase(), bandwidth: bandwidthOf(nic) }
}

function bandwidthOf(nic: string): BandwidthLimits | null {
  const inbound = shapeOf(nic, 'inbound')
  const outbound = shapeOf(nic, 'outbound')
  if (inbound === null && outbound === null) return null
  return { ...(inbound === null ? {} : { inbound }), ...(outbound === null ? {} : { outbound }) }
}

function shapeOf(nic: string, direction: 'inbound' | 'outbound'): BandwidthShape | null {
  const element = new RegExp(`<${direction} [^>]*>`).exec(nic)?.[0]
  const { average, peak, burst } = attributesOf(element ?? '')
  if (average === undefined) return null
  return {
    average: Number(average),
    ...(peak === undefined ? {} : { peak: Number(peak) }),
    ...(burst === undefined ? {} : { burst: Number(burst) }),
  }
}
