// Every movement of µUSDC that the escrow's events tell, as rows.
import type { Address, Hex } from 'viem'

export const FLOW_KINDS = [
  /** Paid in when the lease was opened, the fee of a template included; `account` is the tenant. */
  'opened',
  /** Paid in later; `account` is who paid. */
  'toppedUp',
  /** Of the tenant's deposit, set aside for the template. */
  'feeHeld',
  /** Of a held fee: to its author (an internal balance), to the platform (node 0), back to the tenant. */
  'feeToAuthor',
  'feeToPlatform',
  'feeRefunded',
  /** Shares of what was settled, as they were credited to `node`. */
  'earnedByNode',
  'earnedByRelay',
  'earnedByPlatform',
  /** What the tenant did not use, at the end or by a credit after it; `account` is the tenant. */
  'refunded',
  /** Earnings taken out of the escrow; `account` is where they went. */
  'withdrawn',
  /** An internal balance that rose or fell, whatever the reason: also by the movements above. */
  'balanceRose',
  'balanceFell',
] as const
export type FlowKind = (typeof FLOW_KINDS)[number]

export type Flow = {
  kind: FlowKind
  leaseId: Hex | null
  node: number | null
  account: Address | null
  /** µUSDC, more than 0. */
  amount: bigint
  block: bigint
  logIndex: number
  /** Movements of one event are numbered. */
  part: number
  /** Unix seconds. */
  at: number
}

/** The movements of one kind on one UTC day (days since 1970), of one node or of the whole market. */
export type FlowDay = { day: number; kind: FlowKind; amount: bigint; count: number }
