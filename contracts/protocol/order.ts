// What the tenant or a Manager of a lease tells its node to do with the machine, signed: no transaction, no gas and no
// keeper. Bound to chain, escrow, lease and node: a signature over one counts for no other. On chain the same is said by
// `LeaseAccess.order`.
import { type Address, type Hex, zeroHash } from 'viem'
import { DecloudError } from './errors.ts'

/** In the order of `ILeaseAccess.Order`, whose first is None. */
export const ORDER_ACTIONS = ['Start', 'Stop', 'Reboot', 'Reinstall', 'Restore'] as const
export type OrderAction = (typeof ORDER_ACTIONS)[number]

/** @param code as `LeaseAccess.Ordered` carries it. @returns null for None, and for what a later contract may add. */
export const orderActionOf = (code: number): OrderAction | null => ORDER_ACTIONS[code - 1] ?? null
/** As `LeaseAccess.order` takes it. */
export const orderCodeOf = (action: OrderAction): number => ORDER_ACTIONS.indexOf(action) + 1

export type OrderScope = { chainId: number; leaseEscrow: Address }

export type Order = {
  leaseId: Hex
  /** The node's index in the registry. */
  node: number
  action: OrderAction
  /** Of a Restore: the ended lease whose disk this one takes over. Null for its own, and for all other actions. */
  from: Hex | null
  /** Unix milliseconds. A node serves each order once: the next one must have been issued later. */
  issuedAt: number
  /** Unix seconds; at most an hour after `issuedAt`. */
  notAfter: number
}

/** Unix milliseconds that the clock of whoever signs may be ahead of the node's. */
const EARLY_MS = 5 * 60_000
/** Seconds from `issuedAt` within which an order has to reach the node, at most. */
export const ORDER_LIFE = 3_600

/** For a wallet's `signTypedData`, as it is. The action is a word, so that a wallet can show what is signed. */
export const orderTypedData = ({ chainId, leaseEscrow }: OrderScope, order: Order) =>
  ({
    domain: { name: 'DeCloud Orders', version: '1', chainId, verifyingContract: leaseEscrow },
    types: {
      Order: [
        { name: 'leaseId', type: 'bytes32' },
        { name: 'node', type: 'uint32' },
        { name: 'action', type: 'string' },
        { name: 'from', type: 'bytes32' },
        { name: 'issuedAt', type: 'uint64' },
        { name: 'notAfter', type: 'uint64' },
      ],
    },
    primaryType: 'Order',
    message: {
      ...{ leaseId: order.leaseId, node: order.node, action: order.action, from: order.from ?? zeroHash },
      ...{ issuedAt: BigInt(order.issuedAt), notAfter: BigInt(order.notAfter) },
    },
  }) as const

/**
 * Whether a clock that shows `nowMs` may still, or already, take the order.
 * @throws DecloudError `order-early`, `order-expired`, `order-too-long`.
 */
export const checkOrderTimes = ({ issuedAt, notAfter }: Order, nowMs: number): void => {
  if (issuedAt > nowMs + EARLY_MS) {
    throw new DecloudError('order-early', 'The order was issued more than five minutes in the future.', {
      hint: 'Set the clock of the machine that signed it, and sign again.',
      details: { issuedAt, nowMs },
    })
  }
  if (notAfter * 1_000 > issuedAt + ORDER_LIFE * 1_000) {
    throw new DecloudError('order-too-long', 'The order could be served more than an hour after its issue.', {
      hint: 'Sign one whose `notAfter` is at most an hour after its `issuedAt`.',
      details: { issuedAt, notAfter },
    })
  }
  if (nowMs >= notAfter * 1_000) {
    throw new DecloudError('order-expired', 'The time in which the order could be served is over.', {
      hint: 'Sign a new one.',
      details: { notAfter, nowMs },
    })
  }
}
