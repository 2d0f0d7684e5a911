// Which payouts are due and worth their gas: a pure function of what is earned, the time and the price of gas.

import { type GasPrice, gasCost, isWithin } from '@decloud/protocol/gas'
import type { EnrolledNode } from '../ports/payouts.ts'

/** Seconds between two pushes of a node. Mirror of `Payouts.INTERVAL`. */
export const PUSH_INTERVAL = 7 * 86_400

/** What one node more costs in a push, a recipient's first USDC included, rounded up. */
const GAS_PER_NODE = 110_000n

export type PayoutLimits = {
  /** Basis points of what is paid that may be spent on gas. */
  gasCapBps: bigint
  /** Nodes in one transaction at most. */
  batchSize: number
}
export type Batch = { nodes: readonly number[]; moves: bigint }

/** @returns what to push, richest first. A node that is not worth its gas yet waits until it has earned more. */
export const planPayouts = (
  enrolled: readonly EnrolledNode[],
  at: number,
  price: GasPrice,
  { gasCapBps, batchSize }: PayoutLimits,
): Batch[] => {
  const cost = gasCost(GAS_PER_NODE, price)
  const due = enrolled
    .filter(
      ({ pushedAt, earned }) =>
        at >= pushedAt + PUSH_INTERVAL && earned > 0n && isWithin(cost, earned, gasCapBps),
    )
    .sort((a, b) => (a.earned === b.earned ? a.node - b.node : a.earned > b.earned ? -1 : 1))
  const batches: Batch[] = []
  for (let from = 0; from < due.length; from += batchSize) {
    const some = due.slice(from, from + batchSize)
    batches.push({
      nodes: some.map(({ node }) => node),
      moves: some.reduce((sum, { earned }) => sum + earned, 0n),
    })
  }
  return batches
}
