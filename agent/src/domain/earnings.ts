// What leases have brought a node, and what they owe it. Pure: from folded leases, as of one moment.
import { due, earningsOf, type LeaseView, runsOutAt, sharesDown, vested } from '@decloud/protocol'
import type { Address, Hex } from 'viem'

/** µUSDC; times are unix seconds. Of a lease behind this node as a relay `earned` is the relay's share. */
export type LeaseEarnings = {
  readonly leaseId: Hex
  readonly tenant: Address
  readonly status: LeaseView['status']
  readonly endReason: LeaseView['endReason']
  readonly role: 'node' | 'relay'
  readonly pricePerHour: bigint
  readonly startedAt: number
  readonly endedAt: number
  /** When everything paid in will be due; 0 while it does not run. */
  readonly runsOutAt: number
  /** What the tenant owes by now, of which `settled` was shared out; platform, relays and this node's part of that. */
  readonly due: bigint
  readonly settled: bigint
  readonly platform: bigint
  readonly relays: bigint
  readonly earned: bigint
  /** This node's part of what anyone may settle now. */
  readonly settleable: bigint
  /** This node's part of all that is due by now, if nothing is credited back. */
  readonly accrued: bigint
}

const partOf = (lease: LeaseView, node: number, settled: bigint): bigint =>
  earningsOf({ ...lease, settled }).get(node) ?? 0n

export const leaseEarnings = (lease: LeaseView, node: number, at: number): LeaseEarnings => {
  const { leaseId, tenant, status, endReason, pricePerHour, startedAt, endedAt, settled } = lease
  const { platform, relay } = sharesDown(settled, BigInt(lease.platformBps), BigInt(lease.relayBps))
  const earned = partOf(lease, node, settled)
  // What is due may fall under what is settled, after a credit: then nothing accrues until it has caught up.
  const owed = status === 'Ended' ? lease.due : due(lease, at)
  const most = owed > settled ? owed : settled
  return {
    ...{ leaseId, tenant, status, endReason, pricePerHour, startedAt, endedAt, settled, platform, earned },
    role: lease.node === node ? 'node' : 'relay',
    runsOutAt: runsOutAt(lease),
    due: owed,
    relays: relay,
    settleable: partOf(lease, node, vested(lease, at)) - earned,
    accrued: partOf(lease, node, most) - earned,
  }
}

const SUMMED = ['due', 'settled', 'platform', 'relays', 'earned', 'settleable', 'accrued'] as const
export type EarningTotals = Readonly<Record<(typeof SUMMED)[number], bigint>>

export const totalsOf = (leases: readonly LeaseEarnings[]): EarningTotals =>
  // One entry for each name of SUMMED: Object.fromEntries forgets it.
  Object.fromEntries(
    SUMMED.map((name) => [name, leases.reduce((sum, lease) => sum + lease[name], 0n)]),
  ) as EarningTotals
