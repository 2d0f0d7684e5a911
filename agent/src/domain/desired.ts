// Chain → what should be true of one lease on this node. Pure; every rule about what may be believed is here.
import { type LeaseView, runsOutAt } from '@decloud/protocol'
import type { Reason } from './vm.ts'

/** One lease as the chain shows it to this node. */
export type LeaseSight = {
  /** The fold of everything seen, the newest block included; undefined when the chain says nothing about it. */
  readonly latest: LeaseView | undefined
  /** The fold of finalized blocks alone. */
  readonly finalized: LeaseView | undefined
}

export type Target =
  /** The guest runs, and is activated once it is ready. */
  | { readonly kind: 'run'; readonly activated: boolean }
  /** Paid time is used up: the guest stops, its disk stays, a top-up resumes it. */
  | { readonly kind: 'hold'; readonly reason: Reason }
  /** Ended, and final: stop, set the disk aside. Still subject to a second read of storage. */
  | { readonly kind: 'release' }
  /** Start nothing new, take nothing down. */
  | { readonly kind: 'wait'; readonly reason: Reason }
  /** Never proof of anything: touch nothing. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'nothing' }

const DEPLETED: Reason = {
  code: 'depleted',
  message: 'The paid time is used up. The disk is kept; topping the lease up starts the guest again.',
}
const ENDING: Reason = {
  code: 'ending',
  message: 'The lease has ended; the guest is taken down as soon as that is final.',
}
const OVERDUE: Reason = {
  code: 'activation-deadline',
  message: 'The guest was not ready by the deadline. Nothing is billed and the whole deposit is refunded.',
}

/**
 * @param node this node's registry index.
 * @param chainNow Unix seconds on the chain's clock.
 */
export const desired = (sight: LeaseSight, node: number, chainNow: number): Target => {
  const { latest, finalized } = sight
  if (latest === undefined || finalized?.status === 'Ended') {
    // A finalized end outlives whatever the newest blocks claim; without any record there is nothing to go by.
    return finalized?.status === 'Ended' && finalized.node === node
      ? { kind: 'release' }
      : { kind: 'unknown' }
  }
  if (latest.node !== node) return { kind: 'unknown' }
  switch (latest.status) {
    case 'Requested':
      return { kind: 'nothing' }
    case 'Assigned':
      return chainNow >= latest.activateBy
        ? { kind: 'wait', reason: OVERDUE }
        : { kind: 'run', activated: false }
    case 'Active':
      return runsOutAt(latest) <= chainNow
        ? { kind: 'hold', reason: DEPLETED }
        : { kind: 'run', activated: true }
    case 'Ended':
      return { kind: 'wait', reason: ENDING }
  }
}
