// What the folds of the escrow's logs share: finding the lease, and the settlements that wait for their rule.
import type { Hex } from 'viem'
import { payable } from '../arithmetic.ts'
import { type Books, type LeaseBook, must, nodeBook, type OpenSettlement, type Place } from '../books.ts'

/** Seconds after a notice in which it may be used. */
export const RECLAIM_WINDOW = 7n * 86_400n

export const subjectOf = (leaseId: Hex) => `lease ${leaseId}`

/** The lease an event is about; an event about one that was never opened is a difference. */
export const leaseFor = (books: Books, leaseId: Hex, event: string, place: Place): LeaseBook | undefined => {
  const lease = books.leases.get(leaseId)
  if (lease === undefined) must(books, place, subjectOf(leaseId), event, 'an opened lease', 'an unknown id')
  return lease
}

export const mustBeIn = (
  books: Books,
  place: Place,
  leaseId: Hex,
  lease: LeaseBook,
  event: string,
  states: readonly LeaseBook['state'][],
) => {
  if (!states.includes(lease.state)) {
    must(books, place, subjectOf(leaseId), `${event} in state`, states.join(' or ') || 'none', lease.state)
  }
}

/** What a settlement has to come to: all that was payable then. */
export const checkSettlement = (
  books: Books,
  open: OpenSettlement,
  ended?: { at: bigint; byTenant: boolean },
) => {
  const meter = ended
    ? { ...open.before, endedAt: ended.at, closedByTenant: ended.byTenant }
    : { ...open.before }
  const expected = payable(meter, open.place.timestamp)
  must(books, open.place, subjectOf(open.leaseId), 'LeaseSettled.settled', expected, open.settled)
}

/** Takes the settlement of this lease that still waits for its rule. */
export const takeSettlement = (books: Books, leaseId: Hex): OpenSettlement | undefined => {
  const index = books.openSettlements.findIndex((open) => open.leaseId === leaseId)
  return index === -1 ? undefined : books.openSettlements.splice(index, 1)[0]
}

export const closeSettlement = (books: Books, leaseId: Hex) => {
  const open = takeSettlement(books, leaseId)
  if (open !== undefined) checkSettlement(books, open)
}

/** To be called at the end of every transaction. */
export const closeTransaction = (books: Books): void => {
  for (const open of books.openSettlements.splice(0)) checkSettlement(books, open)
  for (const { leaseId, duration, place } of books.openCredits.splice(0)) {
    must(books, place, subjectOf(leaseId), 'credited by a full quorum', `${duration} s at most`, 'nothing')
  }
}

export const earn = (books: Books, node: number, amount: bigint) => {
  if (amount !== 0n) nodeBook(books, node).earned += amount
}

export const occupy = (books: Books, lease: LeaseBook, sign: 1n | -1n) => {
  const { inUse } = nodeBook(books, lease.node)
  inUse.pointUnits += sign * lease.size.pointUnits
  inUse.memoryMiB += sign * lease.size.memoryMiB
  inUse.diskGiB += sign * lease.size.diskGiB
  inUse.gpus += sign * lease.size.gpus
}
