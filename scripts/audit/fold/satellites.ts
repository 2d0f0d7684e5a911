// The logs of the contracts around the escrow: the policy's tables, reviews, attestations, stakes.
import type { premiumStakeAbi, pricePolicyAbi, reputationAbi, reviewsAbi } from '@decloud/protocol'
import { getAddress } from 'viem'
import { type Books, must, type Place, type Rating } from '../books.ts'
import { type Handlers, unrelated } from './handlers.ts'

export const policyFold: Handlers<typeof pricePolicyAbi> = {
  PolicyChanged: (books, args, place) => {
    books.policies.set(getAddress(place.emitter), {
      floors: args.floors,
      defaults: args.defaults,
      unitsPerVcpu: args.unitsPerVcpu.map(BigInt),
      multipliersBps: args.bandwidthMultiplierBps.map(BigInt),
      rates: args.bandwidthRates.map(BigInt),
      platformBps: args.platformBps,
    })
  },
  OwnershipTransferStarted: unrelated,
  OwnershipTransferred: unrelated,
}

/** Adds stars to a rating and holds the event's sum and count against it. */
const rate = <key>(
  books: Books,
  place: Place,
  subject: string,
  ratings: Map<key, Rating>,
  key: key,
  event: { stars: number; sum: bigint; count: bigint },
) => {
  const rating = ratings.get(key) ?? { sum: 0n, count: 0n }
  const next = { sum: rating.sum + BigInt(event.stars), count: rating.count + 1n }
  must(books, place, subject, 'rating sum', next.sum, event.sum)
  must(books, place, subject, 'rating count', next.count, event.count)
  must(books, place, subject, 'stars from 1 to 5', true, event.stars >= 1 && event.stars <= 5)
  ratings.set(key, next)
}

/** At most one review of each kind a lease, by its tenant, after it was active. */
const checkReviewer = (
  books: Books,
  place: Place,
  args: { leaseId: `0x${string}`; tenant: string },
  kind: 'node' | 'template',
) => {
  const subject = `lease ${args.leaseId}`
  const lease = books.leases.get(args.leaseId)
  must(books, place, subject, 'reviewed by', lease?.tenant ?? 'nobody: no such lease', args.tenant)
  must(
    books,
    place,
    subject,
    'reviewed after it was active',
    true,
    lease !== undefined && lease.startedAt !== 0n,
  )
  const stars = books.stars.get(args.leaseId) ?? { node: 0, template: 0 }
  must(books, place, subject, `stars for the ${kind} before its review`, 0, stars[kind])
  return stars
}

export const reviewsFold: Handlers<typeof reviewsAbi> = {
  NodeReviewed: (books, args, place) => {
    const stars = checkReviewer(books, place, args, 'node')
    const node = books.leases.get(args.leaseId)?.node
    must(books, place, `lease ${args.leaseId}`, 'reviewed node', node, args.node)
    books.stars.set(args.leaseId, { ...stars, node: args.stars })
    rate(books, place, `node ${args.node}`, books.nodeRatings, args.node, args)
  },
  TemplateReviewed: (books, args, place) => {
    const stars = checkReviewer(books, place, args, 'template')
    const fee = books.leases.get(args.leaseId)?.fee
    const subject = `lease ${args.leaseId}`
    must(books, place, subject, 'reviewed template', fee?.template, args.template)
    must(books, place, subject, 'reviewed version', fee?.version, args.version)
    books.stars.set(args.leaseId, { ...stars, template: args.stars })
    rate(books, place, `template ${args.template}`, books.templateRatings, args.template, args)
  },
}

export const reputationFold: Handlers<typeof reputationAbi> = {
  AttesterChanged: (books, { attester, allowed }) => {
    if (allowed) books.attesters.add(attester)
    else books.attesters.delete(attester)
  },
  Attested: (books, { attester, day, firstGroup, words }, place) => {
    must(books, place, `attester ${attester}`, 'on the list', true, books.attesters.has(attester))
    words.forEach((word, i) => {
      books.words.set(`${attester} ${day} ${firstGroup + i}`, word)
    })
  },
  OwnershipTransferStarted: unrelated,
  OwnershipTransferred: unrelated,
}

export const premiumStakeFold: Handlers<typeof premiumStakeAbi> = {
  StakeChanged: (books, { node, staker, bonded, unbonding, lockedUntil, releaseAt }) => {
    books.stakes.set(`${node} ${staker}`, {
      bonded,
      unbonding,
      lockedUntil: BigInt(lockedUntil),
      releaseAt: BigInt(releaseAt),
    })
  },
}
