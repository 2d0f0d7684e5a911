// The chain as it truly is, with a finalized part and a part that reorgs may take back, and as a feed shows it: late,
// empty, or lying. The second read never joins in a lie of the feed; nothing could help against both at once.
import { ChainError } from '@decloud/chain'
import { type LeaseView, runsOutAt } from '@decloud/protocol'
import type { Hex } from 'viem'
import type { LeaseSight } from '../../src/domain/desired.ts'
import type { ChainSnapshot, LeaseChain } from '../../src/reconcile/ports.ts'
import { leaseView } from '../helpers/lease-view.ts'
import { SMALL_VM } from '../helpers/node.ts'

const NODE = 7
const TENANT = '0x00000000000000000000000000000000000000aa'

type Leases = ReadonlyMap<Hex, LeaseView>
type Op = {
  readonly leaseId: Hex
  readonly kind: string
  apply(lease: LeaseView | undefined): LeaseView | undefined
}

export type Lie =
  | { readonly kind: 'none' | 'empty' | 'nothing' | 'no-clock' }
  | { readonly kind: 'ended' | 'depleted' | 'other-node'; readonly leaseId: Hex }

const folded = (base: Leases, ops: readonly Op[]): Leases => {
  const leases = new Map(base)
  for (const op of ops) {
    const after = op.apply(leases.get(op.leaseId))
    if (after !== undefined) leases.set(op.leaseId, after)
  }
  return leases
}

const leasedMiB = (leases: Leases) =>
  [...leases.values()].reduce(
    (sum, { status, terms }) => (status === 'Ended' ? sum : sum + terms.memoryMiB),
    0,
  )

/**
 * @param trueMs the one clock that is never wrong; blocks carry it.
 * @param registeredMiB the node's memory: the escrow lets no more be leased, whatever order a reorg leaves things in.
 */
export const makeModelChain = (trueMs: () => number, registeredMiB: number) => {
  /** Whether the escrow would take every opening among the operations, one after another. */
  const allFit = (base: Leases, ops: readonly Op[]) =>
    ops.every(
      ({ kind }, i) => kind !== 'open' || leasedMiB(folded(base, ops.slice(0, i + 1))) <= registeredMiB,
    )
  let final: Leases = new Map()
  let pending: readonly Op[] = []
  let latest: Leases = new Map()
  let dropped: readonly Op[] = []
  let lie: Lie = { kind: 'none' }
  let frozen: ChainSnapshot | null = null
  let failing = false
  const beforeEnd = new Map<Hex, LeaseView>()
  const seconds = () => Math.floor(trueMs() / 1000)
  const settle = (ops: readonly Op[]) => {
    pending = ops
    latest = folded(final, pending)
  }
  const push = (op: Op) => settle([...pending, op])

  const edit = (
    leaseId: Hex,
    kind: string,
    from: readonly LeaseView['status'][],
    change: Partial<LeaseView>,
  ) =>
    push({
      leaseId,
      kind,
      apply: (lease) =>
        lease === undefined || !from.includes(lease.status) ? lease : { ...lease, ...change },
    })

  const shown = (): ChainSnapshot => {
    const ids = new Set([...final.keys(), ...latest.keys(), ...dropped.map(({ leaseId }) => leaseId)])
    const sights = new Map<Hex, LeaseSight>()
    for (const id of lie.kind === 'nothing' ? [] : ids) {
      sights.set(id, told(lie, id, { latest: latest.get(id), finalized: final.get(id) }))
    }
    return { fresh: true, chainNow: lie.kind === 'no-clock' ? null : seconds(), leases: sights }
  }
  const answer = async <value>(value: () => value): Promise<value> => {
    if (failing) throw new ChainError('rpc-failed', 'The RPC does not answer.', { retryable: true })
    return value()
  }
  const depleted = (lease: LeaseView | undefined) =>
    lease?.status === 'Active' && runsOutAt(lease) <= seconds()

  const port: LeaseChain = {
    node: NODE,
    snapshot: () => frozen ?? shown(),
    subscribe: () => () => {},
    tenantOf: (leaseId) => answer(() => latest.get(leaseId)?.tenant ?? TENANT),
    confirmEnded: (leaseId) => answer(() => final.get(leaseId)?.status === 'Ended'),
    confirmDepleted: (leaseId) => answer(() => depleted(final.get(leaseId)) && depleted(latest.get(leaseId))),
    activate: (leaseId, hostKeyFingerprint) =>
      answer(() => {
        const lease = latest.get(leaseId)
        if (lease === undefined || lease.activateBy <= seconds()) return
        edit(leaseId, 'activate', ['Assigned'], {
          status: 'Active',
          startedAt: seconds(),
          hostKeyFingerprint,
        })
      }),
    expire: (leaseId) =>
      answer(() => {
        if ((latest.get(leaseId)?.activateBy ?? Number.POSITIVE_INFINITY) > seconds()) return
        edit(leaseId, 'expire', ['Assigned'], { status: 'Ended', endReason: 'Expired', endedAt: seconds() })
      }),
    funds: () => answer(() => ({ agent: TENANT, balance: 1n, needed: 1n })),
  }
  return {
    port,
    latest: () => latest,
    final: () => final,
    isDepleted: (leaseId: Hex) => depleted(final.get(leaseId)) && depleted(latest.get(leaseId)),
    open: (leaseId: Hex, memoryMiB: number, paidSeconds: number) => {
      const lease = assigned(leaseId, memoryMiB, paidSeconds, seconds() + 1_800)
      const op: Op = { leaseId, kind: 'open', apply: (known) => known ?? lease }
      if (allFit(latest, [op, ...dropped])) push(op)
    },
    close: (leaseId: Hex) =>
      edit(leaseId, 'close', ['Assigned', 'Active'], {
        status: 'Ended',
        endReason: 'ClosedByTenant',
        endedAt: seconds(),
      }),
    topUp: (leaseId: Hex, paidSeconds: number) =>
      push({
        leaseId,
        kind: 'top-up',
        apply: (lease) =>
          lease?.status === 'Active' ? { ...lease, deposited: lease.deposited + BigInt(paidSeconds) } : lease,
      }),
    finalize: (count: number) => {
      for (const [id, lease] of final) if (lease.status !== 'Ended') beforeEnd.set(id, lease)
      final = folded(final, pending.slice(0, count))
      settle(pending.slice(count))
    },
    pending: () => pending.length,
    /** The newest `count` operations are undone; those that `keeps` stay in the pool of transactions. */
    reorg: (count: number, keeps: (kind: string) => boolean) => {
      const undone = pending.slice(pending.length - count)
      settle(pending.slice(0, pending.length - count))
      const kept = undone.filter(({ kind }) => kind === 'open' || keeps(kind))
      // What was leased in the room that an end had made needs that end again: an opening that fails after all is not here.
      dropped = [...dropped, ...(allFit(latest, [...dropped, ...kept]) ? kept : undone)]
    },
    /** What a reorg undid is mined again. */
    remine: () => {
      const again = dropped
      dropped = []
      settle([...pending, ...again])
    },
    /** Deeper than finality: an end that was final is not. What was leased in its place would be gone too: not here. */
    undoEnd: (leaseId: Hex) => {
      const before = beforeEnd.get(leaseId)
      if (final.get(leaseId)?.status !== 'Ended' || before === undefined) return false
      const without = pending.filter((op) => op.leaseId !== leaseId)
      const undone = new Map([...final, [leaseId, before]])
      if (leasedMiB(folded(undone, without)) > registeredMiB) return false
      if (!allFit(folded(undone, without), dropped)) return false
      final = undone
      settle(without)
      return true
    },
    /** The block of its activation is gone, and the transaction with it. */
    undoActivation: (leaseId: Hex) => {
      const lease = final.get(leaseId)
      if (lease?.status !== 'Active') return
      final = new Map([...final, [leaseId, { ...lease, status: 'Assigned', startedAt: 0 }]])
      settle(pending)
    },
    forget: (leaseId: Hex) => {
      final = new Map([...final].filter(([id]) => id !== leaseId))
      settle(pending)
    },
    tell: (next: Lie) => {
      lie = next
    },
    setStale: (stale: boolean) => {
      frozen = stale ? { ...shown(), fresh: false } : null
    },
    setFailing: (next: boolean) => {
      failing = next
    },
  }
}
export type ModelChain = ReturnType<typeof makeModelChain>

const told = (lie: Lie, id: Hex, truth: LeaseSight): LeaseSight => {
  if (lie.kind === 'empty') return { latest: undefined, finalized: undefined }
  if (!('leaseId' in lie) || lie.leaseId !== id || truth.latest === undefined) return truth
  if (lie.kind === 'depleted') return { ...truth, latest: { ...truth.latest, deposited: 1n } }
  const change: Partial<LeaseView> =
    lie.kind === 'ended' ? { status: 'Ended', endReason: 'ClosedByTenant' } : { node: NODE + 1 }
  const changed = { ...truth.latest, ...change }
  return { latest: changed, finalized: changed }
}

/** One unit a second: what is deposited is the paid time in seconds. */
const assigned = (leaseId: Hex, memoryMiB: number, paidSeconds: number, activateBy: number): LeaseView =>
  leaseView(leaseId, {
    ...{ tenant: TENANT, node: NODE, activateBy, deposited: BigInt(paidSeconds) },
    terms: { ...SMALL_VM, memoryMiB, manifestHash: leaseId } as LeaseView['terms'], // what the agent reads of the terms
  })
