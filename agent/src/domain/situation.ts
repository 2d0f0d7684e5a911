// All that the planner looks at: the target, what is there, and what time it is.
import type { Hex } from 'viem'
import type { DomainRecord } from '../ports/hypervisor.ts'
import type { DiskRecord } from '../ports/storage.ts'
import type { Target } from './desired.ts'
import type { Tended } from './plan-limits.ts'
import type { VmRecord } from './vm.ts'

export type Limits = {
  readonly pendingMs: number
  readonly provisioningMs: number
  /** How long a guest has to power itself off before its power is cut. */
  readonly graceMs: number
  readonly quarantineMs: number
  /** How often a running guest is asked for its facts again. */
  readonly recheckMs: number
  /** How long the agent leaves it to others to expire a lease it did not activate. */
  readonly expireAfterMs: number
}

export const LIMITS: Limits = {
  pendingMs: 60_000,
  provisioningMs: 10 * 60_000,
  graceMs: 20_000,
  quarantineMs: 72 * 3_600_000,
  recheckMs: 60_000,
  expireAfterMs: 30_000,
}

export type Situation = {
  readonly nowMs: number
  /** Whether the chain feed may be relied on for taking something down. */
  readonly fresh: boolean
  readonly target: Target
  readonly vm: VmRecord | null
  readonly domain: DomainRecord | null
  readonly disk: DiskRecord | null
  readonly seed: boolean
  /** Hash of what the domain is made of; a running guest keeps an older one until it is off. */
  readonly specHash: Hex
  /** Unix milliseconds on the local clock by which the lease must be activated; null once it is. */
  readonly activateByMs: number | null
  readonly limits: Limits
  /** Left out where nothing limits guests. */
  readonly tended?: Tended
}
