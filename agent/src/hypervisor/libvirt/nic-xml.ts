// The interface of a running domain, as libvirt describes it. Pure.
import type { BandwidthLimits, BandwidthShape, LiveNic } from '../../ports/hypervisor.ts'
import { attributesOf } from './xml.ts'

/** The first interface of a running domain; null when it has none. */
export function parseNic(xml: string): LiveNic | null {
  const nic = /<interface [^>]*>[\s\S]*?<\/interface>/.exec(xml)?.[0]
  const device = attributesOf(/<target [^>]*>/.exec(nic ?? '')?.[0] ?? '')['dev']
  if (nic === undefined || device === undefined) return null
  return { device, bandwidth: bandwidthOf(nic) }
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
