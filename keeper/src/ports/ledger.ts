import type { LeaseStatus, LeaseView, PolicyParameters } from '@decloud/protocol'
import type { Address, Hex } from 'viem'
import type { Capacity, NodeView } from '../domain/node.ts'

export type NodeRow = NodeView & { inUse: Capacity; earned: bigint }
export type LeasePage = { leases: LeaseView[]; next: string | null }
export type LeaseFilter = {
  tenant?: Address | undefined
  node?: number | undefined
  status?: LeaseStatus | undefined
  limit: number
  cursor?: string | undefined
}

/** Reads of the projected ledger. Every method sees one committed block. */
export type Ledger = {
  nodes(): NodeRow[]
  node(id: number | Hex): NodeRow | undefined
  /** Newest first. @throws DecloudError `cursor-invalid`. */
  leases(filter: LeaseFilter): LeasePage
  lease(leaseId: Hex): LeaseView | undefined
  /** Leases that can still change: live ones, and ended ones whose bill is not all settled. */
  openLeases(): LeaseView[]
  allLeases(): LeaseView[]
  accounts(): { account: Address; balance: bigint }[]
  balanceOf(account: Address): bigint
  earned(): { node: number; earned: bigint }[]
  policy(): PolicyParameters | undefined
}
