import { createHash } from 'node:crypto'
import type { Hex } from 'viem'

/** A stable MAC for the lease under QEMU's prefix 52:54:00, so that a guest keeps its address when it is redefined. */
export function macOf(instance: string, leaseId: Hex): string {
  const digest = createHash('sha256').update(`${instance}\0${leaseId.toLowerCase()}`).digest()
  const tail = [...digest.subarray(0, 3)].map((byte) => byte.toString(16).padStart(2, '0'))
  return ['52', '54', '00', ...tail].join(':')
}
