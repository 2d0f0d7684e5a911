// The scheduler's picture of the market, kept equal to the ledger: what a change names is read again, and now and then
// everything is.
import type { FeedChange, Follower } from '@decloud/chain'
import type { LeaseView } from '@decloud/protocol'
import type { Address, Hex } from 'viem'
import { makePlacer, type Placer } from '../../domain/placement/placer.ts'
import type { Needs, PlacementNode } from '../../domain/placement/types.ts'
import type { Ledger, NodeRow } from '../../ports/ledger.ts'
import type { Liveness } from '../../ports/liveness.ts'

export type PlacementWorldDeps = {
  follower: Pick<Follower, 'onChange'>
  ledger: Pick<Ledger, 'nodes' | 'node' | 'lease' | 'allLeases' | 'policy'>
  liveness: Liveness
  /** What a node says of itself; requests may ask for it. */
  tagsOf(node: number): readonly string[]
  reloadMs: number
  now(): number
}

/** What one lease adds to the record of its node and the whereabouts of its tenant. */
type Trace = { node: number; tenant: Address; region: Hex | null } & Record<
  'live' | 'activated' | 'lapsed',
  boolean
>
type Reservation = { node: number; needs: Needs; tenant: Address }

export type PlacementWorld = ReturnType<typeof makePlacementWorld>

export const makePlacementWorld = (deps: PlacementWorldDeps) => {
  const { follower, ledger, liveness, tagsOf, reloadMs, now } = deps
  let placer: Placer | null = null
  let loadedAt = 0
  let isPolicyDirty = false
  const dirtyNodes = new Set<number>()
  const dirtyLeases = new Set<Hex>()
  const waiting = new Map<Hex, LeaseView>()
  const traces = new Map<Hex, Trace>()
  const records = new Map<number, { activated: number; lapsed: number }>()
  const reservations = new Map<Hex, Reservation & { region: Hex | null }>()

  const stop = follower.onChange((change: FeedChange) => {
    if (change.kind === 'finalized') return
    for (const event of change.events) {
      if (event.contract === 'NodeRegistry') dirtyNodes.add(event.args.node)
      else if (event.contract === 'PricePolicy') isPolicyDirty = true
      else if (event.contract === 'LeaseEscrow' && 'leaseId' in event.args)
        dirtyLeases.add(event.args.leaseId)
    }
  })

  const nodeOf = (row: NodeRow): PlacementNode => {
    const inUse = { ...row.inUse }
    for (const { node, needs } of reservations.values()) {
      if (node !== row.node) continue
      inUse.pointUnits += BigInt(needs.pointUnits)
      inUse.memoryMiB += BigInt(needs.memoryMiB)
      inUse.diskGiB += BigInt(needs.diskGiB)
      inUse.gpus += needs.gpus
    }
    const { activated, lapsed } = records.get(row.node) ?? { activated: 0, lapsed: 0 }
    return {
      ...row,
      ...{ inUse, activated, lapsed, tags: tagsOf(row.node) },
      ...{ online: liveness.isOnline(row.node), uptimeBps: liveness.uptimeBps(row.node) },
    }
  }
  const reread = (id: number) => {
    const row = ledger.node(id)
    if (row === undefined) placer?.drop(id)
    else placer?.put(nodeOf(row))
  }
  const regionOf = (node: number) => placer?.node(node)?.region ?? null

  const countTenant = ({ tenant, region }: Pick<Trace, 'tenant' | 'region'>, by: 1 | -1) => {
    if (region !== null) placer?.countTenant(tenant, region, by)
  }
  const count = (trace: Trace, by: 1 | -1) => {
    const record = records.get(trace.node) ?? { activated: 0, lapsed: 0 }
    if (trace.activated) record.activated += by
    if (trace.lapsed) record.lapsed += by
    records.set(trace.node, record)
    dirtyNodes.add(trace.node)
    if (trace.live) countTenant(trace, by)
  }
  const traceOf = ({ node, tenant, status, startedAt, endReason }: LeaseView): Trace => {
    const activated = startedAt !== 0
    const lapsed = status === 'Ended' && !activated && endReason === 'Expired'
    return { node, tenant, region: regionOf(node), live: status !== 'Ended', activated, lapsed }
  }
  const follow = (leaseId: Hex, lease: LeaseView | undefined) => {
    const before = traces.get(leaseId)
    if (before !== undefined) count(before, -1)
    traces.delete(leaseId)
    if (lease?.status === 'Requested') waiting.set(leaseId, lease)
    else {
      waiting.delete(leaseId)
      release(leaseId)
    }
    if (lease === undefined || lease.node === 0) return
    const trace = traceOf(lease)
    traces.set(leaseId, trace)
    count(trace, 1)
  }

  const load = () => {
    const policy = ledger.policy()
    if (policy === undefined) return
    const fresh = makePlacer(policy)
    placer = fresh
    for (const sum of [waiting, traces, records, dirtyLeases]) sum.clear()
    isPolicyDirty = false
    const rows = ledger.nodes()
    // Twice: leases are counted by the region of their node, and nodes carry the count of their leases.
    for (const row of rows) fresh.put(nodeOf(row))
    for (const lease of ledger.allLeases()) follow(lease.leaseId, lease)
    for (const held of reservations.values()) countTenant(held, 1)
    for (const row of rows) fresh.put(nodeOf(row))
    dirtyNodes.clear()
    loadedAt = now()
  }

  const release = (leaseId: Hex) => {
    const held = reservations.get(leaseId)
    if (held === undefined) return
    reservations.delete(leaseId)
    countTenant(held, -1)
    dirtyNodes.add(held.node)
  }

  /** Whether a node is up no event tells. */
  const hear = (world: Placer) => {
    // A tenth of a percent is a point of the score; less is not worth a row.
    const coarse = (bps: number | null) => (bps === null ? null : Math.floor(bps / 10))
    for (const { node, online, uptimeBps } of world.world.nodes()) {
      const isSame =
        liveness.isOnline(node) === online && coarse(liveness.uptimeBps(node)) === coarse(uptimeBps)
      if (!isSame) dirtyNodes.add(node)
    }
  }

  const refresh = (): Placer | null => {
    if (placer === null || now() - loadedAt >= reloadMs) load()
    if (placer === null) return null
    const policy = isPolicyDirty ? ledger.policy() : undefined
    isPolicyDirty = false
    if (policy !== undefined) placer.setPolicy(policy)
    for (const leaseId of dirtyLeases) follow(leaseId, ledger.lease(leaseId))
    dirtyLeases.clear()
    hear(placer)
    for (const node of dirtyNodes) reread(node)
    dirtyNodes.clear()
    return placer
  }

  return {
    /** The market as the ledger has it now, with what is being assigned; `null` before a policy was read. */
    refresh,
    /** Requests that wait for a node, oldest first. */
    waiting: (): LeaseView[] =>
      [...waiting.values()].sort(
        (a, b) => Number(a.requestedAtBlock - b.requestedAtBlock) || (a.leaseId < b.leaseId ? -1 : 1),
      ),
    /** Keeps the room on the node until the lease is assigned or released. */
    reserve: (leaseId: Hex, reservation: Reservation) => {
      release(leaseId)
      const held = { ...reservation, region: regionOf(reservation.node) }
      reservations.set(leaseId, held)
      countTenant(held, 1)
      reread(reservation.node)
    },
    isReserved: (leaseId: Hex) => reservations.has(leaseId),
    release,
    close: stop,
  }
}
