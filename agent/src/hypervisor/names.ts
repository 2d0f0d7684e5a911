import { type Hex, isHex } from 'viem'
import { HypervisorError } from '../ports/hypervisor.ts'

/** Throws HypervisorError `invalid`: an instance is part of names that libvirt and the kernel put on disk. */
export function checkInstance(instance: string): string {
  if (/^[a-z0-9]{1,24}$/.test(instance)) return instance
  throw new HypervisorError(
    'invalid',
    `The instance name ${JSON.stringify(instance)} must be 1 to 24 letters a-z or digits`,
  )
}

export function domainPrefix(instance: string): string {
  return `decloud-${instance}-`
}

export function domainName(instance: string, leaseId: Hex): string {
  if (!isHex(leaseId) || leaseId.length < 3 || leaseId.length > 66) {
    throw new HypervisorError(
      'invalid',
      `${JSON.stringify(leaseId)} is not a lease id: 0x and up to 64 hex digits`,
    )
  }
  return domainPrefix(instance) + leaseId.slice(2).toLowerCase()
}

/** null for a domain that belongs to somebody else. */
export function leaseIdOfName(instance: string, name: string): Hex | null {
  const prefix = domainPrefix(instance)
  const digits = name.slice(prefix.length)
  return name.startsWith(prefix) && /^[0-9a-f]{1,64}$/.test(digits) ? `0x${digits}` : null
}
