// Whether every lease came to its proper end, by contract storage and by its own terms and events: nothing a keeper says
// is asked.
import { due, END_REASONS, LEASE_STATUSES, leaseEscrowAbi } from '@decloud/protocol'
import type { Hex } from 'viem'
import type { Local } from '../../chain/test/local.ts'

export type Ends = { byReason: Record<string, number>; lost: { lease: Hex; why: string }[] }

const AT_ONCE = 50

/** @returns why the lease is not where it has to be, or `null`. */
const judge = async (
  { anvil, deployment }: Local,
  leaseId: Hex,
): Promise<{ end: string; why: string | null }> => {
  const escrow = { address: deployment.leaseEscrow, abi: leaseEscrowAbi } as const
  const [lease, [, held], ended, credits] = await Promise.all([
    anvil.client.readContract({ ...escrow, functionName: 'leaseOf', args: [leaseId] }),
    anvil.client.readContract({ ...escrow, functionName: 'templateFeeOf', args: [leaseId] }),
    anvil.client.getContractEvents({
      ...{ ...escrow, eventName: 'LeaseEnded', args: { leaseId }, fromBlock: 0n, strict: true },
    }),
    anvil.client.getContractEvents({
      ...{ ...escrow, eventName: 'LeaseCredited', args: { leaseId }, fromBlock: 0n, strict: true },
    }),
  ])
  const status = LEASE_STATUSES[lease.status] ?? 'None'
  const end = END_REASONS[lease.endReason] ?? 'None'
  const [event] = ended
  if (status !== 'Ended' || event === undefined) return { end: status, why: `is ${status}` }
  // Billed anew from price and times alone.
  const bill = due({ ...lease, endReason: end, settled: 0n }, lease.endedAt)
  const neverActive = lease.startedAt === 0
  const isExpected = neverActive
    ? end === 'Expired' || end === 'Cancelled'
    : end === 'ClosedByTenant' || end === 'Depleted'
  const wrong = [
    isExpected ? '' : `ended as ${end}, ${neverActive ? 'never' : 'once'} active`,
    lease.settled === bill || credits.length > 0 ? '' : `settled ${lease.settled} of ${bill}`,
    event.args.due + event.args.refunded === lease.deposited
      ? ''
      : `${event.args.due} + ${event.args.refunded} of ${lease.deposited}`,
    neverActive && event.args.refunded !== lease.deposited ? 'not refunded in full' : '',
    held === 0 ? '' : `its template fee of ${held} is still held`,
  ].filter((text) => text !== '')
  return { end, why: wrong.length === 0 ? null : wrong.join('; ') }
}

export const endsOf = async (local: Local, leaseIds: readonly Hex[]): Promise<Ends> => {
  const byReason: Record<string, number> = {}
  const lost: Ends['lost'] = []
  for (let i = 0; i < leaseIds.length; i += AT_ONCE) {
    const some = leaseIds.slice(i, i + AT_ONCE)
    const judged = await Promise.all(some.map((leaseId) => judge(local, leaseId)))
    judged.forEach(({ end, why }, nth) => {
      byReason[end] = (byReason[end] ?? 0) + 1
      if (why !== null) lost.push({ lease: some[nth]!, why })
    })
  }
  return { byReason, lost }
}
