// Whether a living lease may take over the disk of one that has ended. Pure.
import type { LeaseView } from '@decloud/protocol'
import type { LeaseSight } from './desired.ts'

/**
 * @param lease the living one.
 * @param from the other; undefined when this node does not know it.
 * @param node this node's registry index.
 * @returns why not, as a sentence; null when it may.
 */
export const whyUnfit = (
  lease: Pick<LeaseView, 'leaseId' | 'tenant' | 'terms'>,
  from: LeaseSight | undefined,
  node: number,
): string | null => {
  const ended = from?.finalized
  if (ended === undefined || ended.node !== node) return 'This node has not had the lease that is named.'
  if (ended.leaseId === lease.leaseId) return 'A lease takes over the disk of another one, not its own.'
  if (ended.tenant.toLowerCase() !== lease.tenant.toLowerCase()) {
    return 'The lease that is named had another tenant.'
  }
  if (ended.status !== 'Ended') return 'The lease that is named has not ended, or its end is not final yet.'
  if (ended.terms.diskGiB > lease.terms.diskGiB) {
    return `The disk has ${ended.terms.diskGiB} GiB; this lease has room for ${lease.terms.diskGiB}.`
  }
  return null
}
