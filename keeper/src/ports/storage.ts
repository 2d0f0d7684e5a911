import type { EndReason, LeaseStatus, LeaseView, PolicyParameters } from '@decloud/protocol'
import type { Address, Hex } from 'viem'
import type { Capacity, NodeView } from '../domain/node.ts'

/** What the escrow stores of a lease; status `None` for an id it does not know. */
type StoredLease = Pick<
  LeaseView,
  | 'leaseId'
  | 'tenant'
  | 'node'
  | 'relay'
  | 'activateBy'
  | 'startedAt'
  | 'endedAt'
  | 'pricePerHour'
  | 'deposited'
  | 'settled'
  | 'credited'
  | 'holdBack'
  | 'minCharge'
  | 'notice'
  | 'platformBps'
  | 'relayBps'
  | 'paidBefore'
> & { status: LeaseStatus; endReason: EndReason }

/** What registry and escrow store of a node; the endpoint lives in events alone. */
type StoredNode = Omit<
  NodeView,
  'endpoint' | 'pendingOperator' | 'network' | 'description' | 'tags' | 'attributes' | 'registeredAt'
> & { inUse: Capacity }
export type StoredPolicy = PolicyParameters

export type Questions = { leases: readonly Hex[]; accounts: readonly Address[]; earners: readonly number[] }
export type Answers = {
  leases: StoredLease[]
  /** Every node the registry knows. */
  nodes: StoredNode[]
  earned: { node: number; earned: bigint }[]
  balances: { account: Address; balance: bigint }[]
  policy: StoredPolicy
}

export type ContractStorage = {
  /**
   * @param at a height and the hash it must have, before and after: otherwise the answers would mix two chains.
   * @returns `null` when the block at that height is another one by now.
   */
  readAt(at: { height: bigint; hash: Hex }, questions: Questions): Promise<Answers | null>
}
