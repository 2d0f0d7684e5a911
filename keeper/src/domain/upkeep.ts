// What a keeper owes the chain: a pure function of the ledger and the time of the newest block. Whatever it leaves out
// anybody else may do; whatever it does twice is a no-op in the contract.
import { due, type LeaseView, runsOutAt, vested } from '@decloud/protocol'
import type { Hex } from 'viem'

/** Seconds after depletion from which anyone may end a lease. Mirrors `LeaseEscrow.DEPLETED_GRACE`. */
export const DEPLETED_GRACE = 72 * 3_600

export type UpkeepLimits = {
  /** Settle a running lease once at least so much (µUSDC) has vested since the last time. */
  minSettle: bigint
  /** Leases in one settle transaction at most. */
  batchSize: number
}

export type Chore = { kind: 'settle'; leaseIds: readonly Hex[] } | { kind: 'expire' | 'end'; leaseId: Hex }

/** µUSDC that settling at `now` would credit. */
const gainOf = (lease: LeaseView, now: number): bigint => vested(lease, now) - lease.settled

/** Whether all that a settle can ever credit of this lease is there: it has ended and its hold-back is over. */
const isWhole = (lease: LeaseView, now: number): boolean =>
  lease.status === 'Ended' && vested(lease, now) >= due(lease, lease.endedAt)

const isWorthSettling = (lease: LeaseView, now: number, minSettle: bigint): boolean => {
  const gain = gainOf(lease, now)
  return gain > 0n && (gain >= minSettle || isWhole(lease, now))
}

/** @returns everything to be done at `now` (unix seconds of the newest block), settles first, richest first. */
export const choresAt = (leases: readonly LeaseView[], now: number, limits: UpkeepLimits): Chore[] => {
  const worth = leases
    .filter((lease) => isWorthSettling(lease, now, limits.minSettle))
    .sort((a, b) => Number(gainOf(b, now) - gainOf(a, now)))
    .map((lease) => lease.leaseId)
  const chores: Chore[] = []
  for (let i = 0; i < worth.length; i += limits.batchSize) {
    chores.push({ kind: 'settle', leaseIds: worth.slice(i, i + limits.batchSize) })
  }
  for (const lease of leases) {
    const { leaseId, status } = lease
    const waits = status === 'Requested' || status === 'Assigned'
    if (waits && now > lease.activateBy) chores.push({ kind: 'expire', leaseId })
    if (status === 'Active' && now >= runsOutAt(lease) + DEPLETED_GRACE) chores.push({ kind: 'end', leaseId })
  }
  return chores
}
