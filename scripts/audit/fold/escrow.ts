// LeaseEscrow's logs → leases, balances, earnings. Every figure that an event claims is worked out again and held
// against it; what the event says is then written down, so one wrong figure is one difference.
import type { leaseEscrowAbi } from '@decloud/protocol'
import { type Address, type Hex, zeroAddress } from 'viem'
import { finalBill, isDepleted, payable, split } from '../arithmetic.ts'
import { type Books, type LeaseBook, must, nodeBook, type OpenSettlement, type Place } from '../books.ts'
import type { Handlers } from './handlers.ts'

const CLOSED_BY_TENANT = 1
const DEFAULT_ACTIVATE_WITHIN = 900n
const DEPLETED_GRACE = 72n * 3_600n
/** From which states each reason may end a lease, by the number of the reason. */
const END_FROM: readonly (readonly LeaseBook['state'][])[] = [
  [],
  ['Active'],
  ['Active'],
  ['Active'],
  ['Assigned'],
  ['Requested', 'Assigned'],
]

const subjectOf = (leaseId: Hex) => `lease ${leaseId}`

/** The lease an event is about; an event about one that was never opened is a difference. */
const leaseFor = (books: Books, leaseId: Hex, event: string, place: Place): LeaseBook | undefined => {
  const lease = books.leases.get(leaseId)
  if (lease === undefined) must(books, place, subjectOf(leaseId), event, 'an opened lease', 'an unknown id')
  return lease
}

const mustBeIn = (
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
const checkSettlement = (books: Books, open: OpenSettlement, ended?: { at: bigint; byTenant: boolean }) => {
  const meter = ended
    ? { ...open.before, endedAt: ended.at, closedByTenant: ended.byTenant }
    : { ...open.before }
  const expected = payable(meter, open.place.timestamp)
  must(books, open.place, subjectOf(open.leaseId), 'LeaseSettled.settled', expected, open.settled)
}

/** Takes the settlement of this lease that still waits for its rule. */
const takeSettlement = (books: Books, leaseId: Hex): OpenSettlement | undefined => {
  const index = books.openSettlements.findIndex((open) => open.leaseId === leaseId)
  return index === -1 ? undefined : books.openSettlements.splice(index, 1)[0]
}

const closeSettlement = (books: Books, leaseId: Hex) => {
  const open = takeSettlement(books, leaseId)
  if (open !== undefined) checkSettlement(books, open)
}

/** To be called at the end of every transaction. */
export const closeSettlements = (books: Books): void => {
  for (const open of books.openSettlements.splice(0)) checkSettlement(books, open)
}

const earn = (books: Books, node: number, amount: bigint) => {
  if (amount !== 0n) nodeBook(books, node).earned += amount
}

const occupy = (books: Books, lease: LeaseBook, sign: 1n | -1n) => {
  const { inUse } = nodeBook(books, lease.node)
  inUse.pointUnits += sign * lease.size.pointUnits
  inUse.memoryMiB += sign * lease.size.memoryMiB
  inUse.diskGiB += sign * lease.size.diskGiB
  inUse.gpus += sign * lease.size.gpus
}

type Escrow = Handlers<typeof leaseEscrowAbi>

const leaseEvents: Pick<
  Escrow,
  'LeaseRequested' | 'LeaseAssigned' | 'LeaseActivated' | 'LeaseSettled' | 'LeaseToppedUp' | 'LeaseEnded'
> = {
  LeaseRequested: (books, { leaseId, tenant, terms }, place) => {
    must(
      books,
      place,
      subjectOf(leaseId),
      'LeaseRequested',
      'a new id',
      books.leases.has(leaseId) ? 'a used id' : 'a new id',
    )
    must(books, place, subjectOf(leaseId), 'LeaseRequested.tenant', terms.tenant, tenant)
    books.leases.set(leaseId, {
      state: 'Requested',
      tenant,
      node: 0,
      relay: 0,
      endReason: 0,
      price: 0n,
      deposited: terms.deposit,
      settled: 0n,
      paidBefore: 0n,
      startedAt: 0n,
      endedAt: 0n,
      credited: 0n,
      holdBack: BigInt(terms.holdBack),
      minCharge: 0n,
      closedByTenant: false,
      activateBy: 0n,
      activateWithin: terms.activateWithin === 0 ? DEFAULT_ACTIVATE_WITHIN : BigInt(terms.activateWithin),
      notice: 0n,
      platformBps: 0n,
      relayBps: 0n,
      vcpus: BigInt(terms.vcpus),
      tier: terms.tier,
      size: {
        pointUnits: 0n,
        memoryMiB: BigInt(terms.memoryMiB),
        diskGiB: BigInt(terms.diskGiB),
        gpus: BigInt(terms.gpus),
      },
    })
    books.obligations += terms.deposit
  },
  LeaseAssigned: (books, args, place) => {
    const lease = leaseFor(books, args.leaseId, 'LeaseAssigned', place)
    if (lease === undefined) return
    const subject = subjectOf(args.leaseId)
    mustBeIn(books, place, args.leaseId, lease, 'LeaseAssigned', ['Requested'])
    const activateBy = place.timestamp + lease.activateWithin
    must(books, place, subject, 'LeaseAssigned.activateBy', activateBy, args.activateBy)
    const units = books.policies.get(books.escrow.policy)?.[lease.tier]
    if (units === undefined) must(books, place, subject, 'tier', 'a tier of the policy', lease.tier)
    lease.state = 'Assigned'
    lease.node = args.node
    lease.price = args.pricePerHour
    lease.minCharge = BigInt(args.minCharge)
    lease.notice = BigInt(args.notice)
    lease.platformBps = BigInt(args.platformBps)
    lease.relay = args.relay
    lease.relayBps = BigInt(args.relayBps)
    lease.activateBy = BigInt(args.activateBy)
    lease.size.pointUnits = lease.vcpus * (units ?? 0n)
    occupy(books, lease, 1n)
  },
  LeaseActivated: (books, { leaseId, startedAt }, place) => {
    const lease = leaseFor(books, leaseId, 'LeaseActivated', place)
    if (lease === undefined) return
    mustBeIn(books, place, leaseId, lease, 'LeaseActivated', ['Assigned'])
    must(books, place, subjectOf(leaseId), 'LeaseActivated.startedAt', place.timestamp, startedAt)
    must(books, place, subjectOf(leaseId), 'activated in time', true, place.timestamp <= lease.activateBy)
    lease.state = 'Active'
    lease.startedAt = BigInt(startedAt)
  },
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
    mustBeIn(books, place, leaseId, lease, 'LeaseToppedUp', ['Requested', 'Assigned', 'Active'])
    closeSettlement(books, leaseId)
    must(books, place, subject, 'deposited grows with a top-up', true, deposited > lease.deposited)
    if (isDepleted(lease, place.timestamp)) {
      must(books, place, subject, 'settled at a revival', payable(lease, place.timestamp), lease.settled)
      must(books, place, subject, 'LeaseToppedUp.startedAt', place.timestamp, startedAt)
      lease.paidBefore = lease.deposited
      lease.credited = 0n
    } else {
      must(books, place, subject, 'LeaseToppedUp.startedAt', lease.startedAt, startedAt)
    }
    lease.startedAt = BigInt(startedAt)
    books.obligations += deposited - lease.deposited
    lease.deposited = deposited
  },
  LeaseEnded: (books, args, place) => {
    const lease = leaseFor(books, args.leaseId, 'LeaseEnded', place)
    if (lease === undefined) return
    const subject = subjectOf(args.leaseId)
    mustBeIn(books, place, args.leaseId, lease, 'LeaseEnded', END_FROM[args.reason] ?? [])
    must(books, place, subject, 'LeaseEnded.endedAt', place.timestamp, args.endedAt)
    checkEndReason(books, place, subject, lease, args.reason)
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
    if (lease.node !== 0) occupy(books, lease, -1n)
  },
}

/** The two ends that wait for a time. */
const checkEndReason = (books: Books, place: Place, subject: string, lease: LeaseBook, reason: number) => {
  if (reason === 3) {
    const grace = isDepleted(lease, place.timestamp - DEPLETED_GRACE)
    must(books, place, subject, 'depleted for 72 h', true, grace)
  }
  if (reason === 4)
    must(books, place, subject, 'expired after activateBy', true, place.timestamp > lease.activateBy)
}

const ledgerEvents: Pick<Escrow, 'BalanceChanged' | 'EarnedWithdrawn' | 'PayeeProposed' | 'PayeeChanged'> = {
  BalanceChanged: (books, { account, balance }) => {
    books.obligations += balance - (books.balances.get(account) ?? 0n)
    books.balances.set(account, balance)
  },
  EarnedWithdrawn: (books, { node, payee, amount, withdrawn }, place) => {
    const book = nodeBook(books, node)
    const subject = `node ${node}`
    must(books, place, subject, 'EarnedWithdrawn.payee', book.payee, payee)
    must(books, place, subject, 'EarnedWithdrawn.withdrawn', book.withdrawn + amount, withdrawn)
    must(books, place, subject, 'withdrawn at most what was earned', true, withdrawn <= book.earned)
    books.obligations -= amount
    book.withdrawn = withdrawn
  },
  PayeeProposed: (books, { node, proposed }) => {
    nodeBook(books, node).pendingPayee = proposed
  },
  PayeeChanged: (books, { node, payee }, place) => {
    const book = nodeBook(books, node)
    // The first payee comes with the first lease; every later one was proposed.
    if (book.payee !== zeroAddress) {
      must(books, place, `node ${node}`, 'PayeeChanged.payee', book.pendingPayee, payee)
    }
    book.payee = payee
    book.pendingPayee = zeroAddress
  },
}

const pointerEvents: Pick<
  Escrow,
  'PointersAnnounced' | 'PointersMoved' | 'OwnershipTransferStarted' | 'OwnershipTransferred'
> = {
  PointersAnnounced: (books, { registry, policy, moveAt }) => {
    Object.assign(books.escrow, { nextRegistry: registry, nextPolicy: policy, moveAt: BigInt(moveAt) })
  },
  PointersMoved: (books, { registry, policy }, place) => {
    const { escrow } = books
    if (escrow.registry !== zeroAddress) {
      must(books, place, 'escrow', 'PointersMoved.registry', escrow.nextRegistry, registry)
      must(books, place, 'escrow', 'PointersMoved.policy', escrow.nextPolicy, policy)
      must(books, place, 'escrow', 'pointers moved after their delay', true, place.timestamp >= escrow.moveAt)
    }
    const none: Address = zeroAddress
    Object.assign(escrow, { registry, policy, nextRegistry: none, nextPolicy: none, moveAt: 0n })
  },
  OwnershipTransferStarted: (books, { newOwner }) => {
    books.escrow.pendingOwner = newOwner
  },
  OwnershipTransferred: (books, { newOwner }) => {
    books.escrow.owner = newOwner
    books.escrow.pendingOwner = zeroAddress
  },
}

export const escrowFold: Escrow = { ...leaseEvents, ...ledgerEvents, ...pointerEvents }
