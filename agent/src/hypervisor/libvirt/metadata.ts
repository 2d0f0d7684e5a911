import { type Hex, isHex } from 'viem'
import type { DomainSpec } from '../../ports/hypervisor.ts'
import { attributesOf, escapeXml } from './xml.ts'

/** An XML namespace is a name, not an address: nothing is fetched from it. */
export const metadataNamespace = 'urn:decloud:lease:1'

export interface DomainIdentity {
  readonly instance: string
  readonly leaseId: Hex
  readonly generation: number
  readonly specHash: Hex
  readonly mac: string
  readonly network: string
}

export function metadataXml(instance: string, spec: DomainSpec): string {
  const attributes = {
    instance,
    'lease-id': spec.leaseId.toLowerCase(),
    generation: String(spec.generation),
    'spec-hash': spec.specHash,
    mac: spec.network.mac,
    network: spec.network.name,
  }
  const text = Object.entries(attributes).map(([name, value]) => `${name}='${escapeXml(value)}'`)
  return `<decloud:lease xmlns:decloud='${metadataNamespace}' ${text.join(' ')}/>`
}

/** null when the element is not one that `metadataXml` wrote. */
export function parseMetadata(element: string): DomainIdentity | null {
  const {
    instance,
    'lease-id': leaseId,
    generation,
    'spec-hash': specHash,
    mac,
    network,
  } = attributesOf(element)
  if (!instance || !isHex(leaseId) || !isHex(specHash) || !mac || !network) return null
  if (generation === undefined || !/^\d+$/.test(generation)) return null
  return { instance, leaseId, generation: Number(generation), specHash, mac, network }
}
