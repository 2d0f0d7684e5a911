import { createHash } from 'node:crypto'
import type { Hex } from 'viem'
import { HypervisorError } from '../ports/hypervisor.ts'

/**
 * A stable MAC for the lease under QEMU's prefix 52:54:00, so that a guest keeps its address when it is redefined. The rest
 * is three bytes of a hash: a tenant who tries some millions of salts has a lease with a neighbour's MAC, which therefore
 * no second guest of a network is given (`address-taken`).
 */
export function macOf(instance: string, leaseId: Hex): string {
  const digest = createHash('sha256').update(`${instance}\0${leaseId.toLowerCase()}`).digest()
  const tail = [...digest.subarray(0, 3)].map((byte) => byte.toString(16).padStart(2, '0'))
  return ['52', '54', '00', ...tail].join(':')
}

export const addressTaken = (leaseId: Hex, holder: Hex, mac: string) =>
  new HypervisorError('address-taken', `The MAC ${mac} of lease ${leaseId} is that of lease ${holder}.`)
