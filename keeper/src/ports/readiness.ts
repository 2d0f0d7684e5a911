import type { CHECK_STATES } from '@decloud/protocol/wire/node'
import type { Hex } from 'viem'

/** What a node last said, in its beats, of the guest of a lease: ready only when all of its services are. */
type HeardReadiness = {
  /** Unix seconds. */
  heardAt: number
  state: (typeof CHECK_STATES)[number]
}

export type Readiness = {
  /** `null` where the lease's node said nothing of it. */
  of(leaseId: Hex, node: number): HeardReadiness | null
}
