import type { LeaseView } from '@decloud/protocol'
import type { Hex } from 'viem'
import { whyUnfit } from '../domain/adoption.ts'
import type { DiskRecord } from '../ports/storage.ts'
import type { Machinery } from './observe.ts'
import type { LeaseChain } from './ports.ts'

/** @returns the quarantined disks of the ended lease `from` that `lease` may take over, the newest first. */
export const offeredBy = (
  chain: Pick<LeaseChain, 'node' | 'snapshot'>,
  from: Hex,
  lease: LeaseView,
  machinery: Machinery,
): readonly DiskRecord[] =>
  whyUnfit(lease, chain.snapshot().leases.get(from), chain.node) === null ? machinery.of(from).aside : []
