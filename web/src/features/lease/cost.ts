// Where a lease's money stands, for display, by the protocol's own mirror of the contract's billing.
import { costDown, due, runsOutAt } from '@decloud/protocol/billing'
import type { LeaseView } from '@decloud/protocol/lease-fold'

/** Seconds left at `now`; 0 unless active. */
export const runway = (view: LeaseView, now: number): number =>
  view.status === 'Active' ? Math.max(0, runsOutAt(view) - now) : 0

/** Active with nothing left to bill: the guest is stopped and waits for a top-up. */
export const isDepleted = (view: LeaseView, now: number): boolean =>
  view.status === 'Active' && now >= runsOutAt(view)

/** Percent of the deposit that is due at `now`, with one decimal. */
export const usedPercent = (view: LeaseView, now: number): number =>
  view.deposited === 0n ? 0 : Number((due(view, now) * 1_000n) / view.deposited) / 10

const WARN_BELOW_S = 3 * 86_400
/** Under three days and under half of what is left was bought: a lease for a day is not late from its first minute. */
export const isRunningLow = (view: LeaseView, now: number): boolean => {
  const left = runway(view, now)
  const bought = runsOutAt(view) - view.startedAt
  return left > 0 && left < WARN_BELOW_S && left < bought / 2
}

/** Whether the bill is the node's least charge, because the lease was closed sooner than that. */
export const isLeastCharge = (view: LeaseView): boolean =>
  view.endReason === 'ClosedByTenant' &&
  view.startedAt > 0 &&
  view.endedAt - view.startedAt < view.minCharge &&
  view.due === costDown(view.pricePerHour, view.minCharge)
