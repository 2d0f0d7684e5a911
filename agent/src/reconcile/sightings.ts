// When each guest was last seen at work, and since when it has been off: how long an outage was, to the second.
import type { Hex } from 'viem'
import type { DomainState } from '../ports/hypervisor.ts'

/** In memory alone: what happened while no agent looked on is dated from what was persisted last. */
export const makeSightings = () => {
  const seenOn = new Map<Hex, number>()
  const wentOff = new Map<Hex, number>()
  return {
    /** @param swept the look was begun for all: what the hypervisor has said meanwhile is newer. */
    look(leaseId: Hex, state: DomainState | null, nowMs: number, swept: boolean) {
      if (state !== 'running') return
      seenOn.set(leaseId, nowMs)
      if (!swept) wentOff.delete(leaseId)
    },
    /** The hypervisor said that the guest stopped, or was paused, just now. */
    off(leaseId: Hex, nowMs: number) {
      wentOff.set(leaseId, nowMs)
    },
    /** Unix ms; null when the guest has not been seen at work. */
    offSince(leaseId: Hex): number | null {
      return wentOff.get(leaseId) ?? seenOn.get(leaseId) ?? null
    },
  }
}
export type Sightings = ReturnType<typeof makeSightings>
