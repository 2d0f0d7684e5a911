// What happens to a lease while it runs, and after: settled, topped up, credited, reclaimed, behind another relay.
import { afterCredit, isDepleted, owed, payable, split } from '../arithmetic.ts'
import { type LeaseBook, must, type Place } from '../books.ts'
import type { EscrowFold } from './handlers.ts'
import { closeSettlement, earn, leaseFor, mustBeIn, RECLAIM_WINDOW, subjectOf } from './settlement.ts'

/** What was left of the window stays left when the start that it is counted from moves. */
const moveRefundWindow = (lease: LeaseBook, { timestamp }: Place) => {
  if (lease.fee === undefined) return
  const left = lease.startedAt + lease.fee.window - timestamp
  lease.fee.window = left > 0n ? left : 0n
}

export const lifeEvents: Pick<
  EscrowFold,
  'LeaseSettled' | 'LeaseToppedUp' | 'LeaseCredited' | 'RelaySwitched' | 'ReclaimStarted'
> = {
  LeaseSettled: (books, { leaseId, settled }, place) => {
    const lease = leaseFor(books, leaseId, 'LeaseSettled', place)
    if (lease === undefined) return
    mustBeIn(books, place, leaseId, lease, 'LeaseSettled', ['Active', 'Ended'])
    closeSettlement(books, leaseId)
    books.openSettlements.push({ leaseId, before: { ...lease }, settled, place })
    const [before, after] = [split(lease.settled, lease), split(settled, lease)]
    earn(books, 0, after.platform - before.platform)
    earn(books, lease.relay, after.relay - before.relay)
    earn(books, lease.node, after.node - before.node)
    lease.settled = settled
  },
  LeaseToppedUp: (books, { leaseId, deposited, startedAt }, place) => {
    const lease = leaseFor(books, leaseId, 'LeaseToppedUp', place)
    if (lease === undefined) return
    const subject = subjectOf(leaseId)
    mustBeIn(books, place, leaseId, lease, 'LeaseToppedUp', ['Assigned', 'Active'])
    closeSettlement(books, leaseId)
    must(books, place, subject, 'deposited grows with a top-up', true, deposited > lease.deposited)
    if (isDepleted(lease, place.timestamp)) {
      must(books, place, subject, 'settled at a revival', payable(lease, place.timestamp), lease.settled)
      must(books, place, subject, 'LeaseToppedUp.startedAt', place.timestamp, startedAt)
      lease.paidBefore = lease.deposited
      lease.credited = 0n
      moveRefundWindow(lease, place)
    } else {
      must(books, place, subject, 'LeaseToppedUp.startedAt', lease.startedAt, startedAt)
    }
    lease.startedAt = BigInt(startedAt)
    books.obligations += deposited - lease.deposited
    lease.deposited = deposited
  },
  LeaseCredited: (books, args, place) => {
    const lease = leaseFor(books, args.leaseId, 'LeaseCredited', place)
    if (lease === undefined) return
    const subject = subjectOf(args.leaseId)
    mustBeIn(books, place, args.leaseId, lease, 'LeaseCredited', ['Active', 'Ended'])
    closeSettlement(books, args.leaseId)
    must(books, place, subject, 'settled at a credit', payable(lease, place.timestamp), lease.settled)
    const at = lease.endedAt === 0n ? place.timestamp : lease.endedAt
    const { meter, duration } = afterCredit(lease, BigInt(args.duration), at)
    must(books, place, subject, 'LeaseCredited.duration', duration, args.duration)
    must(books, place, subject, 'LeaseCredited.credited', meter.credited, args.credited)
    must(books, place, subject, 'LeaseCredited.startedAt', meter.startedAt, args.startedAt)
    must(books, place, subject, 'LeaseCredited.paidBefore', meter.paidBefore, args.paidBefore)
    must(books, place, subject, 'LeaseCredited.due', owed(meter, at), args.due)
    // The refund of the end was paid before: the difference is the tenant's now, in its balance.
    if (lease.state === 'Ended') books.obligations -= owed(lease, at) - args.due
    if (meter.startedAt !== lease.startedAt) moveRefundWindow(lease, place)
    lease.credited = BigInt(args.credited)
    lease.startedAt = BigInt(args.startedAt)
    lease.paidBefore = args.paidBefore
    books.openCredits = books.openCredits.filter(
      (vote) => vote.leaseId !== args.leaseId || vote.duration < BigInt(args.duration),
    )
  },
  RelaySwitched: (books, { leaseId, relay }, place) => {
    const lease = leaseFor(books, leaseId, 'RelaySwitched', place)
    if (lease === undefined) return
    closeSettlement(books, leaseId)
    const subject = subjectOf(leaseId)
    must(books, place, subject, 'behind a relay before', true, lease.relay !== 0)
    must(books, place, subject, 'settled at a switch', payable(lease, place.timestamp), lease.settled)
    lease.relay = relay
  },
  ReclaimStarted: (books, { leaseId, node, reclaimAt }, place) => {
    const lease = leaseFor(books, leaseId, 'ReclaimStarted', place)
    if (lease === undefined) return
    const subject = subjectOf(leaseId)
    mustBeIn(books, place, leaseId, lease, 'ReclaimStarted', ['Active'])
    must(books, place, subject, 'ReclaimStarted.node', lease.node, node)
    const stands = lease.reclaimAt !== 0n && place.timestamp < lease.reclaimAt + RECLAIM_WINDOW
    const expected = stands ? lease.reclaimAt : place.timestamp + lease.notice
    must(books, place, subject, 'ReclaimStarted.reclaimAt', expected, reclaimAt)
    lease.reclaimAt = BigInt(reclaimAt)
  },
}
