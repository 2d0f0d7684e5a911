// Orders, signed and on chain → what the tenant wants of the machine now. Pure.
import type { OrderAction } from '@decloud/protocol'
import type { Hex } from 'viem'
import type { Wish } from './wish.ts'

export type GivenOrder = {
  readonly action: OrderAction
  /** Unix ms: as signed, or of the block. */
  readonly atMs: number
  readonly onChain: boolean
  /** Of a Restore: the lease whose disk is meant; null for its own. */
  readonly from: Hex | null
  /** False while a reorg could still take it back. */
  readonly final: boolean
}

/** They take the disk in use out of it: nothing that may never have been said does that. */
const ONLY_FINAL: ReadonlySet<OrderAction> = new Set(['Reinstall', 'Restore'])

/**
 * Until when a start or stop may have been given: a block tells the second alone. So within one second the order on chain
 * stands; the signed one is refused with a sentence if it comes later, where nobody could tell the other that it is void.
 */
export const givenByMs = ({ atMs, onChain }: Pick<GivenOrder, 'atMs' | 'onChain'>): number =>
  onChain ? atMs + 999 : atMs

const atMsOf = ({ atMs }: GivenOrder): number => atMs

/** @param orders in any order, but that of two with the same time the later in the list stands. */
export const wishOf = (orders: readonly GivenOrder[]): Wish => {
  const newest = (actions: readonly OrderAction[], timeOf = atMsOf) =>
    orders
      .filter(({ action, final }) => actions.includes(action) && (final || !ONLY_FINAL.has(action)))
      .reduce<GivenOrder | null>(
        (best, order) => (best !== null && timeOf(best) > timeOf(order) ? best : order),
        null,
      )
  const restore = newest(['Restore'])
  return {
    power: newest(['Start', 'Stop'], givenByMs)?.action === 'Stop' ? 'off' : 'on',
    rebootAtMs: newest(['Reboot'])?.atMs ?? 0,
    reinstallAtMs: newest(['Reinstall'])?.atMs ?? 0,
    restoreAtMs: restore?.atMs ?? 0,
    restoreFrom: restore?.from ?? null,
  }
}
