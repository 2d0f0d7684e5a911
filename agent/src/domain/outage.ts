// Time that a guest was off against its tenant's wish. What is counted here is given back on chain.
import type { Hex } from 'viem'

export type OutageCause =
  /** The guest died, or its process was killed. */
  | 'crashed'
  /** It powered itself off, or the host did. */
  | 'powered-off'
  /** The hypervisor no longer knows it. */
  | 'missing'
  /** It was paused because the disks of the node are full. */
  | 'disk-full'
  /** It was taken down for a reason of the tenant's, and the node could not start it again. */
  | 'not-restarted'

/** Times are Unix milliseconds of the node's clock. Outages of one lease never overlap. */
export type Outage = {
  readonly leaseId: Hex
  readonly fromMs: number
  /** Null while it lasts. */
  readonly toMs: number | null
  readonly cause: OutageCause
  /** When it was given back on chain; null until then. */
  readonly creditedMs: number | null
}
