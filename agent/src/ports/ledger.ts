import type { Hex } from 'viem'
import type { Amounts, Reservation, Room } from '../domain/capacity.ts'

/**
 * Who holds what of the node. Asking and taking are one step, so two leases never both get the last room; what is held
 * is on disk when a call returns.
 */
export interface Ledger {
  all(): readonly Reservation[]
  of(leaseId: Hex): Reservation | null
  /**
   * Takes the room for a lease; one that holds a reservation keeps it, and its GPUs, at the new amounts.
   * @param promised the lease is served already: it is never turned away.
   * @returns null, or the sentence that says what is short; nothing is taken then.
   */
  reserve(leaseId: Hex, wanted: Amounts, room: Room, promised: boolean): string | null
  /** No error if nothing is held. */
  release(leaseId: Hex): void
}
