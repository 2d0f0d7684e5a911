// Of simulated guests: kept in memory.
import type { Hex } from 'viem'
import type { Anchors } from '../ports/anchors.ts'

/** @param held by lease; given to look into it. */
export const makeFakeAnchors = (held = new Map<Hex, { device: string; mac: string }>()): Anchors => ({
  hold: async (leaseId, { device, mac }) => void held.set(leaseId, { device, mac }),
  release: async (leaseId) => void held.delete(leaseId),
})
