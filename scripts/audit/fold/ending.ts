// How a lease ends, and where the fee of its template goes.
import { finalBill, isDepleted, payable } from '../arithmetic.ts'
import { type Books, type LeaseBook, must, nodeBook, type Place } from '../books.ts'
import type { EscrowFold } from './handlers.ts'
import {
  checkSettlement,
  earn,
  leaseFor,
  mustBeIn,
  occupy,
  RECLAIM_WINDOW,
  subjectOf,
  takeSettlement,
} from './settlement.ts'

const CLOSED_BY_TENANT = 1
const RECLAIMED_BY_OPERATOR = 2
const DEPLETED = 3
const EXPIRED = 4
const DEPLETED_GRACE = 72n * 3_600n
/** What the platform gets of a template's fee, rounded down; the author gets the rest. */
const PLATFORM_PERCENT = 15n
/** From which states each reason may end a lease, by the number of the reason. */
const END_FROM: readonly (readonly LeaseBook['state'][])[] = [
  [],
  ['Active'],
  ['Active'],
  ['Active'],
  ['Requested', 'Assigned'],
  ['Requested', 'Assigned'],
]

/** Whether the fee goes back to the tenant if the lease ends now. */
const isFeeRefundable = (lease: LeaseBook, at: bigint) =>
  lease.startedAt === 0n || at < lease.startedAt + (lease.fee?.window ?? 0n)

export const endingEvents: Pick<
  EscrowFold,
  'LeaseEnded' | 'TemplateFeeHeld' | 'TemplateFeePaid' | 'TemplateFeeRefunded'
> = {
  LeaseEnded: (books, args, place) => {
    const lease = leaseFor(books, args.leaseId, 'LeaseEnded', place)
    if (lease === undefined) return
    const subject = subjectOf(args.leaseId)
    mustBeIn(books, place, args.leaseId, lease, 'LeaseEnded', END_FROM[args.reason] ?? [])
    must(books, place, subject, 'LeaseEnded.endedAt', place.timestamp, args.endedAt)
    checkEndReason(books, place, subject, lease, args.reason)
    must(books, place, subject, 'template fee held after the end', 0n, lease.fee?.held ?? 0n)
    const byTenant = args.reason === CLOSED_BY_TENANT
    const open = takeSettlement(books, args.leaseId)
    if (open !== undefined) checkSettlement(books, open, { at: place.timestamp, byTenant })
    lease.state = 'Ended'
    lease.endReason = args.reason
    lease.endedAt = BigInt(args.endedAt)
    lease.closedByTenant = byTenant
    const bill = finalBill(lease)
    must(books, place, subject, 'settled at the end', payable(lease, place.timestamp), lease.settled)
    must(books, place, subject, 'LeaseEnded.due', bill, args.due)
    must(books, place, subject, 'LeaseEnded.refunded', lease.deposited - bill, args.refunded)
    books.obligations -= args.refunded
    if (lease.node === 0) return
    occupy(books, lease, -1n)
    const clean = lease.startedAt !== 0n && args.reason !== RECLAIMED_BY_OPERATOR
    if (clean) nodeBook(books, lease.node).completed += 1n
  },
  TemplateFeeHeld: (books, args, place) => {
    const lease = leaseFor(books, args.leaseId, 'TemplateFeeHeld', place)
    if (lease === undefined) return
    const subject = subjectOf(args.leaseId)
    mustBeIn(books, place, args.leaseId, lease, 'TemplateFeeHeld', ['Requested'])
    checkOffer(books, place, subject, args)
    lease.fee = {
      template: args.template,
      version: args.version,
      author: args.author,
      held: BigInt(args.fee),
      window: BigInt(args.refundWindow),
    }
    // Owed still, to whom is open: no longer as part of what the machine may cost.
    lease.deposited -= BigInt(args.fee)
  },
  TemplateFeePaid: (books, args, place) => {
    const lease = leaseFor(books, args.leaseId, 'TemplateFeePaid', place)
    if (lease === undefined) return
    const subject = subjectOf(args.leaseId)
    must(
      books,
      place,
      subject,
      'paid after the refund window',
      false,
      isFeeRefundable(lease, place.timestamp),
    )
    const held = lease.fee?.held ?? 0n
    const toPlatform = (held * PLATFORM_PERCENT) / 100n
    must(books, place, subject, 'TemplateFeePaid.author', lease.fee?.author, args.author)
    must(books, place, subject, 'TemplateFeePaid.toPlatform', toPlatform, args.toPlatform)
    must(books, place, subject, 'TemplateFeePaid.toAuthor', held - toPlatform, args.toAuthor)
    earn(books, 0, args.toPlatform)
    books.obligations -= args.toAuthor
    if (lease.fee !== undefined) lease.fee.held = 0n
  },
  TemplateFeeRefunded: (books, { leaseId, fee }, place) => {
    const lease = leaseFor(books, leaseId, 'TemplateFeeRefunded', place)
    if (lease === undefined) return
    const subject = subjectOf(leaseId)
    must(books, place, subject, 'refunded in the window', true, isFeeRefundable(lease, place.timestamp))
    must(books, place, subject, 'TemplateFeeRefunded.fee', lease.fee?.held, fee)
    books.obligations -= fee
    if (lease.fee !== undefined) lease.fee.held = 0n
  },
}

/** The fee, its window and its author are those of the registry that the desk points at, where that is read too. */
const checkOffer = (
  books: Books,
  place: Place,
  subject: string,
  args: { template: number; version: number; author: string; fee: number; refundWindow: number },
) => {
  const shelf = books.shelves.get(books.desk.templates)
  if (shelf === undefined) return
  const version = shelf.versions.get(`${args.template} ${args.version}`)
  must(
    books,
    place,
    subject,
    'TemplateFeeHeld.author',
    shelf.templates.get(args.template)?.author,
    args.author,
  )
  must(books, place, subject, 'TemplateFeeHeld.fee', version?.fee, args.fee)
  must(books, place, subject, 'TemplateFeeHeld.refundWindow', version?.refundWindow, args.refundWindow)
}

/** The ends that wait for a time. */
const checkEndReason = (books: Books, place: Place, subject: string, lease: LeaseBook, reason: number) => {
  if (reason === DEPLETED) {
    const grace = isDepleted(lease, place.timestamp - DEPLETED_GRACE)
    must(books, place, subject, 'depleted for 72 h', true, grace)
  }
  if (reason === EXPIRED)
    must(books, place, subject, 'expired after activateBy', true, place.timestamp > lease.activateBy)
  if (reason === RECLAIMED_BY_OPERATOR) {
    const until = lease.reclaimAt + RECLAIM_WINDOW
    const given = place.timestamp >= lease.reclaimAt && place.timestamp < until
    must(books, place, subject, 'reclaimed after the notice', true, given)
  }
}
