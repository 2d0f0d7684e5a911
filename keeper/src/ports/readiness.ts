import type { Phase } from '@decloud/protocol/wire/node'
import type { Hex } from 'viem'

/** What a node last said, in its beats, of the guest of a lease. */
export type HeardReadiness = {
  /** Unix seconds. */
  heardAt: number
  phase: Phase
  reason: { code: string; message: string } | null
  checks: readonly {
    name: string
    state: 'Pending' | 'Checking' | 'Ready' | 'TimedOut' | 'Failed'
    message: string | null
  }[]
}

export type Readiness = { of(leaseId: Hex): HeardReadiness | null }

/** Of a keeper that listens to nobody. */
export const heardNoReadiness: Readiness = { of: () => null }
