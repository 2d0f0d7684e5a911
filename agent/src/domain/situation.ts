// All that the planner looks at: the target, the tenant's wish, what is there, and what time it is.
import type { Hex } from 'viem'
import type { DomainRecord } from '../ports/hypervisor.ts'
import type { DiskRecord } from '../ports/storage.ts'
import type { Target } from './desired.ts'
import type { Outage } from './outage.ts'
import type { Tended } from './plan-limits.ts'
import type { VmRecord } from './vm.ts'
import type { Wish } from './wish.ts'

export type Limits = {
  readonly pendingMs: number
  readonly provisioningMs: number
  /** How long a guest has to power itself off before its power is cut. */
  readonly graceMs: number
  /** How long taking everything down may last, the grace included, before the tenant is told that it hangs. */
  readonly deletingMs: number
  readonly quarantineMs: number
  /** How often a running guest is asked for its facts again. */
  readonly recheckMs: number
  /** How long the agent leaves it to others to expire a lease it did not activate. */
  readonly expireAfterMs: number
  /** The first restart of a guest that went off is at once, the second after `restartMs`, then twice as long each. */
  readonly restartMs: number
  readonly restartCapMs: number
  /** Disks of one living lease that reinstalls may leave in quarantine. */
  readonly keptDisks: number
}

export const LIMITS: Limits = {
  pendingMs: 60_000,
  provisioningMs: 10 * 60_000,
  graceMs: 20_000,
  deletingMs: 2 * 60_000,
  quarantineMs: 72 * 3_600_000,
  recheckMs: 60_000,
  expireAfterMs: 30_000,
  restartMs: 2_000,
  restartCapMs: 15_000,
  keptDisks: 3,
}

export type Situation = {
  readonly nowMs: number
  /** The newest block's clock in Unix milliseconds: a second opinion where a wrong local clock would destroy. */
  readonly chainNowMs: number
  /** Whether the chain feed may be relied on for taking something down. */
  readonly fresh: boolean
  readonly target: Target
  readonly wish: Wish
  readonly vm: VmRecord | null
  readonly domain: DomainRecord | null
  /** The disk in use. */
  readonly disk: DiskRecord | null
  /** Those in quarantine, the newest first. */
  readonly aside: readonly DiskRecord[]
  /** Those in quarantine of the ended lease that a restore names, where they may be taken over; the newest first. */
  readonly offered: readonly DiskRecord[]
  readonly seed: boolean
  /** The keys that are the lease's own. */
  readonly keys: boolean
  /** The outage that lasts. */
  readonly outage: Outage | null
  /** Since when the guest has been off, as far as the agent saw it; null when it did not look on. */
  readonly offSinceMs: number | null
  /** What the manifest in force opens to. */
  readonly manifestHash: Hex
  /** Hash of what the domain is made of; a running guest keeps an older one until it is off. */
  readonly specHash: Hex
  /** Unix milliseconds on the local clock by which the lease must be activated; null once it is. */
  readonly activateByMs: number | null
  readonly limits: Limits
  /** Left out where nothing limits guests. */
  readonly tended?: Tended
}
