import type { Hex } from 'viem'

/** Of one link, the same towards the guest and from it: KB/s that may be kept up, KB/s and KB of a burst. */
export type LinkRate = { readonly average: number; readonly peak: number; readonly burst: number }

/** libvirt: limits are part of a domain's definition; tc: set by `shape` once it runs; none: they cannot be had. */
export type ShapingMode = 'libvirt' | 'tc' | 'none'

/**
 * Limits on the interfaces of running guests, set from outside of the hypervisor. What is made for a guest carries the
 * agent's instance and the lease in its name: agents that share a machine never touch one another's.
 * Every method rejects with AgentError `shaping-…`, at the latest when its deadline passes.
 */
export interface Shaper {
  /** Why this mode was chosen, as one sentence for the operator. */
  readonly reason: string
  readonly mode: ShapingMode
  /** Makes the limits of both directions what is asked for, null for none; resolves once they read so. */
  shape(leaseId: Hex, device: string, limits: LinkRate | null): Promise<void>
  /** As the kernel has them now; null when the device is not limited, or not in both directions. */
  limitsOf(leaseId: Hex, device: string): Promise<LinkRate | null>
  /** Frees what a guest that is off has left. No error if there is nothing. */
  release(leaseId: Hex): Promise<void>
  /** Frees what belongs to guests of this instance that do not run. `running` is asked while no guest is limited. */
  sweep(running: () => Promise<readonly Hex[]>): Promise<void>
}
