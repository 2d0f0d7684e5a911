// How a lease begins: requested, assigned, activated, alone or in a stack.
import { encodeAbiParameters, keccak256 } from 'viem'
import { must, nodeBook } from '../books.ts'
import type { EscrowFold } from './handlers.ts'
import { mustBeOffered } from './offer.ts'
import { leaseFor, mustBeIn, occupy, subjectOf } from './settlement.ts'

const DEFAULT_ACTIVATE_WITHIN = 900n
const REQUEST_LIFE = 86_400n

export const openingEvents: Pick<
  EscrowFold,
  'LeaseRequested' | 'LeaseAssigned' | 'LeaseActivated' | 'StackOpened'
> = {
  LeaseRequested: (books, { leaseId, tenant, terms }, place) => {
    const subject = subjectOf(leaseId)
    const used = books.leases.has(leaseId) ? 'a used id' : 'a new id'
    must(books, place, subject, 'LeaseRequested', 'a new id', used)
    must(books, place, subject, 'LeaseRequested.tenant', terms.tenant, tenant)
    must(books, place, subject, 'opened in a pause', false, place.timestamp < books.desk.pausedUntil)
    books.leases.set(leaseId, {
      state: 'Requested',
      tenant,
      wantedNode: terms.node,
      maxPrice: terms.maxPricePerHour,
      minNotice: BigInt(terms.minNotice),
      fee: undefined,
      reclaimAt: 0n,
      openedIn: place.transaction,
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
      // The price word has it from the assignment on.
      holdBack: 0n,
      wantedHoldBack: BigInt(terms.holdBack),
      minCharge: 0n,
      closedByTenant: false,
      activateBy: place.timestamp + REQUEST_LIFE,
      activateWithin: terms.activateWithin === 0 ? DEFAULT_ACTIVATE_WITHIN : BigInt(terms.activateWithin),
      notice: 0n,
      platformBps: 0n,
      relayBps: 0n,
      vcpus: BigInt(terms.vcpus),
      tier: terms.tier,
      bandwidth: terms.bandwidth,
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
    must(books, place, subject, 'assigned in time', true, place.timestamp <= lease.activateBy)
    const activateBy = place.timestamp + lease.activateWithin
    must(books, place, subject, 'LeaseAssigned.activateBy', activateBy, args.activateBy)
    if (lease.wantedNode !== 0) must(books, place, subject, 'LeaseAssigned.node', lease.wantedNode, args.node)
    must(books, place, subject, 'price within the maximum', true, args.pricePerHour <= lease.maxPrice)
    must(books, place, subject, 'notice as long as asked for', true, BigInt(args.notice) >= lease.minNotice)
    const units = books.policies.get(books.desk.policy)?.unitsPerVcpu[lease.tier]
    if (units === undefined) must(books, place, subject, 'tier', 'a tier of the policy', lease.tier)
    lease.state = 'Assigned'
    lease.node = args.node
    lease.price = args.pricePerHour
    lease.minCharge = BigInt(args.minCharge)
    lease.holdBack = lease.wantedHoldBack
    lease.notice = BigInt(args.notice)
    lease.platformBps = BigInt(args.platformBps)
    lease.relay = args.relay
    lease.relayBps = BigInt(args.relayBps)
    lease.activateBy = BigInt(args.activateBy)
    lease.size.pointUnits = lease.vcpus * (units ?? 0n)
    occupy(books, lease, 1n)
    mustBeOffered(books, place, lease, args)
  },
  LeaseActivated: (books, { leaseId, startedAt }, place) => {
    const lease = leaseFor(books, leaseId, 'LeaseActivated', place)
    if (lease === undefined) return
    const subject = subjectOf(leaseId)
    mustBeIn(books, place, leaseId, lease, 'LeaseActivated', ['Assigned'])
    must(books, place, subject, 'LeaseActivated.startedAt', place.timestamp, startedAt)
    must(books, place, subject, 'activated in time', true, place.timestamp <= lease.activateBy)
    must(books, place, subject, 'activated in a pause', false, place.timestamp < books.desk.pausedUntil)
    lease.state = 'Active'
    lease.startedAt = BigInt(startedAt)
    nodeBook(books, lease.node).hosted += 1n
  },
  StackOpened: (books, { stackId, tenant, leaseIds }, place) => {
    const subject = `stack ${stackId}`
    must(
      books,
      place,
      subject,
      'id',
      keccak256(encodeAbiParameters([{ type: 'bytes32[]' }], [leaseIds])),
      stackId,
    )
    must(books, place, subject, 'a new id', true, !books.stacks.has(stackId))
    for (const leaseId of leaseIds) {
      const lease = leaseFor(books, leaseId, 'StackOpened', place)
      must(books, place, subject, `tenant of ${leaseId}`, tenant, lease?.tenant)
      must(
        books,
        place,
        subject,
        `${leaseId} opened in the same transaction`,
        place.transaction,
        lease?.openedIn,
      )
    }
    books.stacks.add(stackId)
  },
}
