import type { LeaseView } from '@decloud/protocol'
import type { Hex } from 'viem'
import { whyUnfit } from '../domain/adoption.ts'
import type { DiskRecord } from '../ports/storage.ts'
import type { Machinery } from './observe.ts'
import type { Deps } from './ports.ts'

/** @returns the quarantined disks of the ended lease `from` that `lease` may take over, the newest first. */
export const offeredBy = (
  { chain, store }: Pick<Deps, 'chain' | 'store'>,
  from: Hex,
  lease: LeaseView,
  machinery: Machinery,
): readonly DiskRecord[] => {
  if (whyUnfit(lease, chain.snapshot().leases.get(from), chain.node) !== null) return []
  // A disk stands on the image that it was made from: under another one it would not be the same machine.
  return store.get(from)?.image === store.get(lease.leaseId)?.image ? machinery.of(from).aside : []
}
