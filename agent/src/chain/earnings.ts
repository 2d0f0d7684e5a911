// The books of a node, from the chain's logs, held against what the escrow itself says.
import type { Chain, Past } from '@decloud/chain'
import { type EarningTotals, type LeaseEarnings, leaseEarnings, totalsOf } from '../domain/earnings.ts'
import { foldLease, readLeaseHistory, type Withdrawal } from './lease-history.ts'
import { type NodeState, readNodeState } from './node-state.ts'

export type NodeBooks = {
  readonly state: NodeState
  /** The latest first. */
  readonly leases: readonly (LeaseEarnings & { readonly earnedSince: bigint })[]
  readonly totals: EarningTotals & {
    readonly withdrawable: bigint
    readonly withdrawn: bigint
    readonly earnedSince: bigint
  }
  readonly withdrawals: readonly Withdrawal[]
  /** What was earned by the logs, less what the escrow says of it; 0 unless a block was replaced while it was read. */
  readonly difference: bigint
}

/** A block may be replaced while its logs are read: then all of it is read anew, at last without what was stored. */
const ATTEMPTS = 3

/** @param since unix seconds, 0 for all time. @throws AgentError `node-unregistered`; ChainError. */
export const readBooks = async (
  chain: Chain,
  node: number,
  since: number,
  past: Past = {},
): Promise<NodeBooks> => {
  let books = await readOnce(chain, node, since, past)
  for (let attempt = 2; attempt <= ATTEMPTS && books.difference !== 0n; attempt++) {
    books = await readOnce(chain, node, since, attempt < ATTEMPTS ? past : { ...past, stored: null })
  }
  return books
}

const readOnce = async (chain: Chain, node: number, since: number, past: Past): Promise<NodeBooks> => {
  const state = await readNodeState(chain, node)
  const { events, withdrawals } = await readLeaseHistory(chain, node, state.block.number, past)
  const leases = [...events.values()].flatMap((all) => {
    const lease = foldLease(all)
    if (lease === undefined) return []
    const now = leaseEarnings(lease, node, state.block.timestamp)
    const before = foldLease(all.filter(({ timestamp }) => Number(timestamp) < since))
    const earnedBefore = before === undefined ? 0n : leaseEarnings(before, node, since).earned
    return [{ ...now, earnedSince: now.earned - earnedBefore }]
  })
  const totals = totalsOf(leases)
  const withdrawn = withdrawals.at(-1)?.withdrawn ?? 0n
  const earnedSince = leases.reduce((sum, lease) => sum + lease.earnedSince, 0n)
  return {
    state,
    leases: leases.reverse(),
    totals: { ...totals, withdrawn, withdrawable: state.withdrawable, earnedSince },
    withdrawals: withdrawals.filter(({ at }) => at >= since),
    difference: totals.earned - (state.withdrawable + withdrawn),
  }
}
