// What the tenants want: the orders of both ways, folded, and who is told when they change.
import type { Hex } from 'viem'
import { wishOf } from '../domain/orders.ts'
import type { Wishes } from '../reconcile/ports.ts'
import type { ChainOrders } from './chain-orders.ts'
import type { SignedOrders } from './signed-orders.ts'

export type WishesOptions = {
  signed: Pick<SignedOrders, 'of'>
  onChain: Pick<ChainOrders, 'of'>
  /** The height through which the chain is final; null while nothing may be taken as final. */
  finalHeight: () => bigint | null
}

export const makeWishes = ({
  signed,
  onChain,
  finalHeight,
}: WishesOptions): Wishes & {
  changed(leaseId: Hex): void
} => {
  const listeners = new Set<(leaseId: Hex) => void>()
  return {
    of: (leaseId) => {
      const height = finalHeight()
      return wishOf([
        ...onChain.of(leaseId).map(({ action, atMs, block }) => ({
          ...{ action, atMs, onChain: true, from: null },
          final: height !== null && block <= height,
        })),
        ...signed.of(leaseId).map(({ action, issuedAt, from }) => ({
          ...{ action, atMs: issuedAt, onChain: false, from },
          final: true,
        })),
      ])
    },
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    changed: (leaseId) => {
      for (const listener of [...listeners]) listener(leaseId)
    },
  }
}
