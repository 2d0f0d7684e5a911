// The logs of what the escrow created beside itself: pointers and pause, attesters, mandates.
import type { downtimeQuorumAbi, leaseDeskAbi, leaseMandatesAbi } from '@decloud/protocol'
import { type Address, zeroAddress } from 'viem'
import { must } from '../books.ts'
import { type Handlers, unrelated } from './handlers.ts'
import { subjectOf } from './settlement.ts'

const NONE: Address = zeroAddress
const PAUSE = 7n * 86_400n
const MOVE_DELAY = 7n * 86_400n

export const deskFold: Handlers<typeof leaseDeskAbi> = {
  PointersAnnounced: (books, { registry, policy, moveAt }, place) => {
    must(books, place, 'desk', 'PointersAnnounced.moveAt', place.timestamp + MOVE_DELAY, moveAt)
    Object.assign(books.desk, { nextRegistry: registry, nextPolicy: policy, moveAt: BigInt(moveAt) })
  },
  PointersMoved: (books, { registry, policy }, place) => {
    const { desk } = books
    if (desk.registry !== zeroAddress) {
      must(books, place, 'desk', 'PointersMoved.registry', desk.nextRegistry, registry)
      must(books, place, 'desk', 'PointersMoved.policy', desk.nextPolicy, policy)
      must(books, place, 'desk', 'pointers moved after their delay', true, place.timestamp >= desk.moveAt)
    }
    Object.assign(desk, { registry, policy, nextRegistry: NONE, nextPolicy: NONE, moveAt: 0n })
  },
  TemplatesAnnounced: (books, { templates, moveAt }, place) => {
    must(books, place, 'desk', 'TemplatesAnnounced.moveAt', place.timestamp + MOVE_DELAY, moveAt)
    Object.assign(books.desk, { nextTemplates: templates, templatesMoveAt: BigInt(moveAt) })
  },
  TemplatesMoved: (books, { templates }, place) => {
    const { desk } = books
    // The first registry is taken at once.
    if (desk.templates !== zeroAddress) {
      must(books, place, 'desk', 'TemplatesMoved.templates', desk.nextTemplates, templates)
      must(
        books,
        place,
        'desk',
        'templates moved after their delay',
        true,
        place.timestamp >= desk.templatesMoveAt,
      )
    }
    Object.assign(desk, { templates, nextTemplates: NONE, templatesMoveAt: 0n })
  },
  PausedUntil: (books, { until }, place) => {
    const { desk } = books
    if (until !== 0) {
      must(books, place, 'desk', 'PausedUntil.until', place.timestamp + PAUSE, until)
      must(books, place, 'desk', 'a week between pauses', true, place.timestamp >= desk.nextPauseFrom)
      desk.nextPauseFrom = place.timestamp + 2n * PAUSE
    }
    desk.pausedUntil = BigInt(until)
  },
  GuardianChanged: (books, { guardian }) => {
    books.desk.guardian = guardian
  },
  SchedulerChanged: (books, { scheduler }) => {
    books.desk.scheduler = scheduler
  },
  OwnershipTransferStarted: (books, { newOwner }) => {
    books.desk.pendingOwner = newOwner
  },
  OwnershipTransferred: (books, { newOwner }) => {
    Object.assign(books.desk, { owner: newOwner, pendingOwner: NONE })
  },
}

export const quorumFold: Handlers<typeof downtimeQuorumAbi> = {
  AttestersChanged: (books, { attesters, quorum }, place) => {
    must(books, place, 'quorum', 'three attesters at least', true, new Set(attesters).size >= 3)
    must(books, place, 'quorum', 'two together at least', true, quorum >= 2n && quorum <= attesters.length)
    Object.assign(books.quorum, { attesters, quorum })
  },
  CreditVoted: (books, { leaseId, attester, duration, votes, quorum }, place) => {
    const subject = subjectOf(leaseId)
    must(books, place, subject, `${attester} is an attester`, true, books.quorum.attesters.includes(attester))
    must(books, place, subject, 'CreditVoted.quorum', books.quorum.quorum, quorum)
    if (votes === quorum) books.openCredits.push({ leaseId, duration: BigInt(duration), place })
  },
  OwnershipTransferStarted: (books, { newOwner }) => {
    books.quorum.pendingOwner = newOwner
  },
  OwnershipTransferred: (books, { newOwner }) => {
    Object.assign(books.quorum, { owner: newOwner, pendingOwner: NONE })
  },
}

export const mandatesFold: Handlers<typeof leaseMandatesAbi> = {
  AutoRenewChanged: (books, { leaseId, amount, budget, runway }, place) => {
    must(books, place, subjectOf(leaseId), 'AutoRenewChanged', true, books.leases.has(leaseId))
    books.renewals.set(leaseId, { amount, budget, runway: BigInt(runway) })
  },
  NonceUsed: (books, { signer, nonce }, place) => {
    const key = `${signer} ${nonce}`
    must(books, place, `nonce ${nonce} of ${signer}`, 'used once', false, books.nonces.has(key))
    books.nonces.add(key)
  },
  EIP712DomainChanged: unrelated,
}
