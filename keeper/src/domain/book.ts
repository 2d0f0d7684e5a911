// What the escrow keeps of a node. Node 0 is the platform.
import type { LeaseView, ProtocolEvent } from '@decloud/protocol'
import { earningsOf } from '@decloud/protocol'
import { type Address, zeroAddress } from 'viem'
import type { Capacity } from './node.ts'

/** Money is µUSDC and cumulative: what can be taken out is `credited − withdrawn`. */
export type NodeBook = {
  node: number
  credited: bigint
  withdrawn: bigint
  /** Taken by live leases, in the units of the policy at each assignment. */
  inUse: Capacity
  /** Leases activated, ever. */
  hosted: number
  /** Leases that were active and did not end by the operator's reclaim. */
  completed: number
  /** Zero until the node's first lease. */
  payee: Address
  pendingPayee: Address
  /** Who may act for the node's leases; zero until the first one. */
  operator: Address
}

export const emptyBook = (node: number): NodeBook => ({
  node,
  credited: 0n,
  withdrawn: 0n,
  inUse: { pointUnits: 0n, memoryMiB: 0n, diskGiB: 0n, gpus: 0 },
  hosted: 0,
  completed: 0,
  payee: zeroAddress,
  pendingPayee: zeroAddress,
  operator: zeroAddress,
})

/** The part of a book that the node's own events tell. */
export type Till = Pick<NodeBook, 'withdrawn' | 'payee' | 'pendingPayee' | 'operator'>

export const EMPTY_TILL: Till = {
  withdrawn: 0n,
  payee: zeroAddress,
  pendingPayee: zeroAddress,
  operator: zeroAddress,
}

/** One step of the fold of a till; events about anything else change nothing. */
export const applyTillEvent = (till: Till, event: ProtocolEvent): Till => {
  if (event.contract !== 'LeaseEscrow') return till
  switch (event.name) {
    case 'EarnedWithdrawn':
      return { ...till, withdrawn: event.args.withdrawn }
    case 'PayeeProposed':
      return { ...till, pendingPayee: event.args.proposed }
    case 'PayeeChanged':
      return { ...till, payee: event.args.payee, pendingPayee: zeroAddress }
    case 'NodeOperatorChanged':
      return { ...till, operator: event.args.operator }
    default:
      return till
  }
}

/** What one lease adds to the books of nodes. */
export type Share = Pick<NodeBook, 'credited' | 'inUse' | 'hosted' | 'completed'>

const NOTHING: Capacity = { pointUnits: 0n, memoryMiB: 0n, diskGiB: 0n, gpus: 0 }

const isLive = ({ status }: Pick<LeaseView, 'status'>): boolean =>
  status === 'Assigned' || status === 'Active'

/** @param pointUnits of the lease's guest, by the policy at its assignment. */
export const sharesOfLease = (lease: LeaseView, pointUnits: bigint): ReadonlyMap<number, Share> => {
  const shares = new Map<number, Share>()
  for (const [node, credited] of earningsOf(lease)) {
    shares.set(node, { credited, inUse: NOTHING, hosted: 0, completed: 0 })
  }
  const { memoryMiB, diskGiB, gpus } = lease.terms
  const inUse = isLive(lease)
    ? { pointUnits, memoryMiB: BigInt(memoryMiB), diskGiB: BigInt(diskGiB), gpus }
    : NOTHING
  const hosted = lease.startedAt === 0 ? 0 : 1
  const completed = lease.status === 'Ended' && lease.endReason !== 'ReclaimedByOperator' ? hosted : 0
  const credited = shares.get(lease.node)?.credited ?? 0n
  shares.set(lease.node, { credited, inUse, hosted, completed })
  return shares
}
