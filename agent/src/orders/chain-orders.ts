// The orders given on chain, as the stored logs have them: a reorg takes its orders back with its logs.
import type { EventReader, FeedChange } from '@decloud/chain'
import { type Deployment, type OrderAction, orderActionOf, type ProtocolEvent } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import type { Hex } from 'viem'

type ChainOrder = {
  readonly action: OrderAction
  /** Unix ms of its block. */
  readonly atMs: number
  readonly block: bigint
}

export interface ChainOrders {
  /** In the order of the chain. */
  of(leaseId: Hex): readonly ChainOrder[]
  /** @returns the leases for which the change brought an order or took one back. */
  apply(change: FeedChange): readonly Hex[]
}

export const makeChainOrders = (
  db: Database,
  read: EventReader,
  { leaseAccess }: Pick<Deployment, 'leaseAccess'>,
): ChainOrders => {
  // Read once, until an event names the lease again: the planner asks for every lease on every round.
  const known = new Map<Hex, readonly ChainOrder[]>()
  const load = (leaseId: Hex): readonly ChainOrder[] =>
    leaseAccess === undefined ? [] : read(db, { address: leaseAccess, topic1: leaseId }).flatMap(orderOf)
  return {
    of: (leaseId) => {
      const orders = known.get(leaseId) ?? load(leaseId)
      known.set(leaseId, orders)
      return orders
    },
    apply: (change) => {
      if (change.kind === 'finalized') return []
      const named = new Set(
        change.events.flatMap((event) => (event.name === 'Ordered' ? [event.args.leaseId] : [])),
      )
      for (const leaseId of named) known.delete(leaseId)
      return [...named]
    },
  }
}

const orderOf = (event: ProtocolEvent): ChainOrder[] => {
  if (event.name !== 'Ordered') return []
  const action = orderActionOf(event.args.action)
  return action === null ? [] : [{ action, atMs: Number(event.timestamp) * 1_000, block: event.blockNumber }]
}
