// What a lease is assigned at is what registry and policy said in that moment.

import { hourlyUp, priceOf } from '../arithmetic.ts'
import type { Books, LeaseBook, PolicyBook } from '../books.ts'
import { must, nodeBook, type Place } from '../books.ts'
import { RELAY_BPS } from './registry.ts'
import { subjectOf } from './settlement.ts'

type Assigned = {
  leaseId: `0x${string}`
  node: number
  pricePerHour: bigint
  minCharge: number
  notice: number
  platformBps: number
  relay: number
  relayBps: number
}

const RESOURCES = ['pointUnits', 'memoryMiB', 'diskGiB', 'gpus'] as const

/** @param lease with its size, and counted in what its node has in use. */
export const mustBeOffered = (books: Books, place: Place, lease: LeaseBook, args: Assigned): void => {
  const subject = subjectOf(args.leaseId)
  const field = (name: keyof Assigned, expected: unknown) =>
    must(books, place, subject, `LeaseAssigned.${name}`, expected, args[name])
  const policy = books.policies.get(books.desk.policy)
  const listing = books.registries.get(books.desk.registry)?.nodes.get(args.node)
  if (policy === undefined || listing === undefined) {
    must(books, place, subject, 'a node and a policy that the desk reads', true, false)
    return
  }
  must(books, place, subject, `node ${args.node} takes new leases`, true, listing.active)
  field('minCharge', listing.minCharge)
  field('notice', listing.notice)
  field('relay', listing.relay)
  field('relayBps', listing.relay === 0 ? 0 : RELAY_BPS)
  field('platformBps', policy.platformBps)
  field('pricePerHour', priceAt(policy, lease, listing.prices))
  const { inUse } = nodeBook(books, args.node)
  for (const name of RESOURCES) {
    const isRoom = inUse[name] <= BigInt(listing.capacity[name])
    must(books, place, `node ${args.node}`, `${name} within its capacity`, true, isRoom)
  }
}

const priceAt = (policy: PolicyBook, lease: LeaseBook, own: Parameters<typeof priceOf>[0]): bigint =>
  hourlyUp(lease.size, priceOf(own, policy.defaults, policy.floors), {
    multiplierBps: policy.multipliersBps[lease.bandwidth] ?? 0n,
    rate: policy.rates[lease.bandwidth] ?? 0n,
  })
