// Ledger rows → what the API answers.
import {
  DecloudError,
  due,
  effectivePrices,
  type LeaseView,
  type PolicyParameters,
  pricePerHour,
  runsOutAt,
  vested,
} from '@decloud/protocol'
import { type ApiLease, type ApiNode, REFERENCE_GUEST } from '@decloud/protocol/wire/api'
import { regionText } from '../domain/node.ts'
import type { Ledger, NodeRow } from '../ports/ledger.ts'
import type { ApiDeps } from './deps.ts'

/** @throws DecloudError `not-indexed` before the first policy was read: no price could be said. */
export const policyOf = (ledger: Ledger): PolicyParameters => {
  const policy = ledger.policy()
  if (policy !== undefined) return policy
  throw new DecloudError('not-indexed', 'The keeper has not read the chain yet.', {
    hint: 'Ask again in a moment.',
  })
}

/** Unix seconds of the newest indexed block. @throws DecloudError `not-indexed`. */
export const headTime = ({ follower }: ApiDeps): number => {
  const cursor = follower.health().cursor
  if (cursor !== null) return Number(cursor.timestamp)
  throw new DecloudError('not-indexed', 'The keeper has not read the chain yet.', {
    hint: 'Ask again in a moment.',
  })
}

// A node that lowers its capacity under what is in use has nothing free, not less than nothing.
const left = (total: bigint, used: bigint) => (total > used ? total - used : 0n)

export const nodeView = (row: NodeRow, policy: PolicyParameters): ApiNode => {
  const { capacity, inUse, region, prices: own, ...rest } = row
  const prices = effectivePrices(own, policy)
  return {
    ...rest,
    region: regionText(region),
    capacity,
    free: {
      pointUnits: left(capacity.pointUnits, inUse.pointUnits),
      memoryMiB: left(capacity.memoryMiB, inUse.memoryMiB),
      diskGiB: left(capacity.diskGiB, inUse.diskGiB),
      gpus: Math.max(capacity.gpus - inUse.gpus, 0),
    },
    hasCustomPricing: Object.values(own).some((price) => price !== 0n),
    prices,
    referencePricePerHour: pricePerHour(REFERENCE_GUEST, prices, policy),
  }
}

export const leaseView = (lease: LeaseView, at: number): ApiLease => {
  const end = runsOutAt(lease)
  return {
    ...lease,
    at,
    due: lease.status === 'Ended' ? lease.due : due(lease, at),
    vested: vested(lease, at),
    runsOutAt: end,
    runwaySeconds: lease.status === 'Active' ? Math.max(end - at, 0) : null,
  }
}
