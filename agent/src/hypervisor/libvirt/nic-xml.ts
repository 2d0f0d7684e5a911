// The `<bandwidth>` of an interface: written into a definition, read back from a live domain. Pure.
import type { BandwidthLimits, LiveNic } from '../../ports/hypervisor.ts'
import { attributesOf } from './xml.ts'

/** Empty for an interface without limits: libvirt then leaves its queues alone. */
export function bandwidthXml(limits: BandwidthLimits | undefined): string {
  if (limits === undefined) return ''
  const { averageKBps, peakKBps, burstKB } = limits
  const attributes = `average='${averageKBps}' peak='${peakKBps}' burst='${burstKB}'`
  return `
      <bandwidth>
        <inbound ${attributes}/>
        <outbound ${attributes}/>
      </bandwidth>`
}

/** The first interface of a running domain; null when it has none. */
export function parseNic(xml: string): LiveNic | null {
  const nic = /<interface [^>]*>[\s\S]*?<\/interface>/.exec(xml)?.[0]
  const device = attributesOf(/<target [^>]*>/.exec(nic ?? '')?.[0] ?? '')['dev']
  if (nic === undefined || device === undefined) return null
  const inbound = limitsOf(nic, 'inbound')
  const outbound = limitsOf(nic, 'outbound')
  // Limits of ours are the same both ways: anything else is not what was asked for.
  const same = inbound !== null && JSON.stringify(inbound) === JSON.stringify(outbound)
  return { device, bandwidth: same ? inbound : null }
}

function limitsOf(nic: string, direction: 'inbound' | 'outbound'): BandwidthLimits | null {
  const element = new RegExp(`<${direction} [^>]*>`).exec(nic)?.[0]
  if (element === undefined) return null
  const { average, peak, burst } = attributesOf(element)
  if (average === undefined || peak === undefined || burst === undefined) return null
  return { averageKBps: Number(average), peakKBps: Number(peak), burstKB: Number(burst) }
}
