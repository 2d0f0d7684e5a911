import type { Address } from 'viem'

/** A request that a relay be repaired; whoever heals relays reads these. Times are unix seconds. */
export type Repair = { id: number; relay: number; node: number; requestedBy: Address; requestedAt: number }

export type RepairBook = {
  /** @returns the request; the one before, when the same pair was asked for within the last `quietSeconds`. */
  request(repair: Omit<Repair, 'id'>, quietSeconds: number): { repair: Repair; isNew: boolean }
  /** Newest first, since `since`. */
  of(relay: number, since: number): Repair[]
}
