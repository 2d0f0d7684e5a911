import type { Hex } from 'viem'
import type { Explanation } from '../domain/placement/explain.ts'
import type { Moment } from '../domain/placement/types.ts'

/** Why this keeper chose the node that it assigned a lease to: the best candidates, and some of those that were refused. */
export type Decision = Explanation & {
  moment: Moment
  /** All there were, kept or not. */
  candidateCount: number
  refusedCount: number
}

export type Placements = {
  /** The newest decision about a lease is kept. */
  record(leaseId: Hex, moment: Moment, explanation: Explanation): void
  find(leaseId: Hex): Decision | null
}
