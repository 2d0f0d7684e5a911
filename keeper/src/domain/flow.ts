// Every movement of µUSDC that the escrow's events tell, as rows.
import { type LeaseView, type ProtocolEvent, sharesDown } from '@decloud/protocol'
import type { Address, Hex } from 'viem'

const FLOW_KINDS = [
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

type Movement = Pick<Flow, 'kind' | 'amount'> & { node?: number; account?: Address }

/** The rows of one event's movements; those of nothing are left out. */
const rowsOf = (event: ProtocolEvent, leaseId: Hex | null, movements: readonly Movement[]): Flow[] =>
  movements
    .filter(({ amount }) => amount > 0n)
    .map(({ kind, amount, node = null, account = null }, part) => ({
      ...{ kind, leaseId, node, account, amount },
      ...{ block: event.blockNumber, logIndex: event.logIndex, part, at: Number(event.timestamp) },
    }))

const settledBy = (before: LeaseView, after: LeaseView): Movement[] => {
  const sharesAt = ({ settled }: LeaseView) =>
    sharesDown(settled, BigInt(after.platformBps), BigInt(after.relayBps))
  const [from, to] = [sharesAt(before), sharesAt(after)]
  return [
    { kind: 'earnedByNode', amount: to.node - from.node, node: after.node },
    { kind: 'earnedByRelay', amount: to.relay - from.relay, node: after.relay },
    { kind: 'earnedByPlatform', amount: to.platform - from.platform, node: 0 },
  ]
}

/** @param before the lease before the event, `undefined` for its opening. */
export const flowsOfLease = (
  event: ProtocolEvent,
  before: LeaseView | undefined,
  after: LeaseView | undefined,
): Flow[] => {
  if (after === undefined) return []
  const { leaseId, tenant: account } = after
  const move = (...movements: Movement[]) => rowsOf(event, leaseId, movements)
  if (before === undefined) return move({ kind: 'opened', amount: after.terms.deposit, account })
  switch (event.name) {
    case 'LeaseToppedUp':
      return move({
        kind: 'toppedUp',
        amount: after.deposited - before.deposited,
        account: event.args.payer,
      })
    case 'TemplateFeeHeld':
      return move({ kind: 'feeHeld', amount: BigInt(event.args.fee), account })
    case 'TemplateFeePaid':
      return move(
        { kind: 'feeToAuthor', amount: event.args.toAuthor, account: event.args.author },
        { kind: 'feeToPlatform', amount: event.args.toPlatform, node: 0 },
      )
    case 'TemplateFeeRefunded':
      return move({ kind: 'feeRefunded', amount: event.args.fee, account })
    case 'LeaseSettled':
      return move(...settledBy(before, after))
    case 'LeaseEnded':
      return move({ kind: 'refunded', amount: event.args.refunded, account })
    case 'LeaseCredited':
      return before.status === 'Ended'
        ? move({ kind: 'refunded', amount: before.due - after.due, account })
        : []
    default:
      return []
  }
}

export const flowsOfBalance = (
  event: Extract<ProtocolEvent, { name: 'BalanceChanged' }>,
  before: bigint,
): Flow[] => {
  const { account, balance } = event.args
  return rowsOf(event, null, [
    { kind: 'balanceRose', amount: balance - before, account },
    { kind: 'balanceFell', amount: before - balance, account },
  ])
}

export const flowsOfWithdrawal = (event: Extract<ProtocolEvent, { name: 'EarnedWithdrawn' }>): Flow[] =>
  rowsOf(event, null, [
    { kind: 'withdrawn', amount: event.args.amount, node: event.args.node, account: event.args.to },
  ])

const DAY_SECONDS = 86_400

export const dayOf = ({ at }: Pick<Flow, 'at'>): number => Math.floor(at / DAY_SECONDS)
