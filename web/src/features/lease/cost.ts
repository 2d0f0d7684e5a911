// What the page shows between two looks at the contract. Display only: the contract's own figure replaces it.
import { SECONDS_PER_HOUR } from '@decloud/protocol/units'
import type { LeaseNow } from './queries/lease.ts'

/** Due at `now`, carried forward from the last figure of the contract at the lease's fixed price. */
export const dueAt = (lease: Pick<LeaseNow, 'view' | 'due' | 'at'>, now: number): bigint => {
  const { view, due, at } = lease
  if (view.status !== 'Active' || now <= at) return due
  const moved = due + (view.pricePerHour * BigInt(now - at)) / SECONDS_PER_HOUR
  return moved < view.deposited ? moved : view.deposited
}

export const runway = (lease: Pick<LeaseNow, 'view' | 'runsOutAt'>, now: number): number =>
  lease.view.status === 'Active' ? Math.max(0, lease.runsOutAt - now) : 0

export const isDepleted = (lease: Pick<LeaseNow, 'view' | 'runsOutAt'>, now: number): boolean =>
  lease.view.status === 'Active' && now >= lease.runsOutAt

const WARN_BELOW_S = 3 * 86_400
/** Short of three days, and of half of what was paid for: a lease bought for a day is not late from its first minute. */
export const runwayTone = (lease: LeaseNow, now: number): 'good' | 'warn' | 'bad' => {
  const left = runway(lease, now)
  if (left === 0) return 'bad'
  const bought = Number((lease.view.deposited * SECONDS_PER_HOUR) / (lease.view.pricePerHour || 1n))
  return left < WARN_BELOW_S && left < bought / 2 ? 'warn' : 'good'
}
