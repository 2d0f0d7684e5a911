import type { LeaseView } from '@decloud/protocol'
import { encodeAbiParameters, type Hex, keccak256 } from 'viem'
import type { ShapingMode } from '../ports/shaper.ts'

export const GENERATION = 1

/**
 * What a domain is made of, as one word. The manifest stands in by its commitment, so that the hash can be had without
 * opening it, after a restart too.
 */
export const specHashOf = (
  lease: Pick<LeaseView, 'leaseId' | 'terms'>,
  host: { network: string; mac: string; shaping: ShapingMode },
): Hex =>
  keccak256(
    encodeAbiParameters(
      [
        { type: 'bytes32' },
        { type: 'uint16' },
        { type: 'uint32' },
        { type: 'uint32' },
        { type: 'bytes32' },
        { type: 'string' },
        { type: 'string' },
        { type: 'uint8[3]' },
        { type: 'string' },
      ],
      [
        lease.leaseId,
        lease.terms.vcpus,
        lease.terms.memoryMiB,
        lease.terms.diskGiB,
        lease.terms.manifestHash,
        host.network,
        host.mac,
        [lease.terms.tier, lease.terms.bandwidth, lease.terms.gpus],
        host.shaping,
      ],
    ),
  )
