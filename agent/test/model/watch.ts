// Every call with which the agent changes something is held against the truth, at the moment it is made.
import { canMove, TRANSIENT } from '@decloud/protocol'
import type { Hex } from 'viem'
import { LIMITS } from '../../src/domain/situation.ts'
import type { VmRecord } from '../../src/domain/vm.ts'
import { type Hypervisor, HypervisorError } from '../../src/ports/hypervisor.ts'
import type { LeaseKeyStore } from '../../src/ports/lease-keys.ts'
import type { DiskStore, SeedStore } from '../../src/ports/storage.ts'
import type { VmStore } from '../../src/reconcile/ports.ts'
import type { ModelChain } from './chain.ts'
import type { Host } from './host.ts'

const LONGEST_MS = LIMITS.provisioningMs

/** What the model keeps of each lease to judge the agent by. */
export type Ledger = {
  rebootOrders: number
  rebootStops: number
  exchangeOrders: number
  exchanges: number
  reinstallOrders: number
  disksMade: number
  starts: number
  /** The newest order for another disk: when it was given, by the count of actions, and what was in use then. */
  exchange: {
    kind: 'reinstall' | 'restore'
    at: number
    /** What was in use when a restore was ordered that had a disk to bring back, and nothing else in hand. */
    instead: string | null
  } | null
  /** Counts actions: when the newest reboot was ordered, and the guest last started. */
  orderedAt: number
  startedAt: number
}
const newLedger = (): Ledger => ({
  rebootOrders: 0,
  rebootStops: 0,
  exchangeOrders: 0,
  exchanges: 0,
  reinstallOrders: 0,
  disksMade: 0,
  starts: 0,
  exchange: null,
  orderedAt: 0,
  startedAt: 0,
})

/** The driver with some methods replaced. Not a spread: it is a class, and its methods live on its prototype. */
const over = (inner: Hypervisor, changes: Partial<Hypervisor>): Hypervisor =>
  new Proxy(inner, {
    get: (target, name) => {
      if (name in changes) return Reflect.get(changes, name)
      const member: unknown = Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })

export const makeWatch = (host: Host, chain: ModelChain) => {
  const violations: string[] = []
  const ledgers = new Map<Hex, Ledger>()
  const edges = new Map<string, number>()
  const ledger = (leaseId: Hex): Ledger => {
    const known = ledgers.get(leaseId) ?? newLedger()
    ledgers.set(leaseId, known)
    return known
  }
  const complain = (leaseId: Hex, what: string) => violations.push(`${leaseId.slice(0, 8)}: ${what}`)
  const demand = (leaseId: Hex, truth: boolean, what: string) => {
    if (!truth) complain(leaseId, what)
  }
  const ended = (leaseId: Hex) => chain.final().get(leaseId)?.status === 'Ended'

  const demandFresh = (leaseId: Hex, what: string) =>
    demand(leaseId, chain.port.snapshot().fresh, `${what} on a view of the chain that is not current`)

  const store = (inner: VmStore): VmStore => ({
    ...inner,
    put: (vm) => {
      checkRecord(inner.get(vm.leaseId), vm)
      inner.put(vm)
    },
  })

  const checkRecord = (before: VmRecord | null, after: VmRecord) => {
    const { leaseId, status } = after
    if (before !== null && before.status !== status) {
      const revived = before.status === 'Deleted' && status === 'Pending' && !ended(leaseId)
      const edge = `${before.status}→${status}`
      edges.set(edge, (edges.get(edge) ?? 0) + 1)
      demand(leaseId, revived || canMove(before.status, status), `went from ${before.status} to ${status}`)
    }
    const timed = after.deadlineMs !== null && after.deadlineMs <= host.nowMs() + LONGEST_MS
    demand(leaseId, !TRANSIENT.has(status) || timed, `${status} with the deadline ${after.deadlineMs}`)
    if (after.endConfirmedMs !== null && before?.endConfirmedMs == null) {
      demand(leaseId, ended(leaseId), 'an end was taken as confirmed that is not final')
    }
  }

  /** The guest is about to be stopped: on whose account? */
  const checkStop = (leaseId: Hex, vm: VmRecord | null) => {
    if (host.machine.find(host.instance, leaseId)?.state !== 'running') return
    const task = vm?.task ?? null
    const atOnce = host.wish(leaseId).power === 'off' || task === 'reboot'
    if (!atOnce) demandFresh(leaseId, 'was stopped')
    const allowed = ended(leaseId) || chain.isDepleted(leaseId) || atOnce || task !== null
    demand(leaseId, allowed, 'was stopped although it is alive, paid for, and wanted')
  }

  const hypervisor = (inner: Hypervisor, vm: (leaseId: Hex) => VmRecord | null): Hypervisor => {
    const stop = (how: 'shutdown' | 'destroy') => async (leaseId: Hex) => {
      checkStop(leaseId, vm(leaseId))
      const was = host.machine.find(host.instance, leaseId)?.state
      await inner[how](leaseId)
      const now = host.machine.find(host.instance, leaseId)?.state
      const record = ledger(leaseId)
      if (was === 'running' && now === 'stopped' && vm(leaseId)?.task === 'reboot') {
        record.rebootStops++
        demand(leaseId, record.rebootStops <= record.rebootOrders, 'was rebooted more often than ordered')
      }
    }
    return over(inner, {
      // A real machine's memory is finite; a simulated one's is asked for only if it does not say what it is.
      capabilities: { ...inner.capabilities, acceleration: 'tcg' },
      define: async (spec: Parameters<Hypervisor['define']>[0]) => {
        await inner.define(spec).catch((error: unknown) => {
          const twice = error instanceof HypervisorError && error.code === 'already-exists'
          if (twice) complain(spec.leaseId, 'was defined twice')
          throw error
        })
      },
      start: async (leaseId: Hex) => {
        demand(leaseId, host.diskInUse(leaseId) !== null, 'was started without a disk')
        await inner.start(leaseId)
        const record = ledger(leaseId)
        record.starts++
        record.startedAt = host.actions()
        demand(leaseId, host.usedMemoryMiB() <= host.memoryMiB, 'more memory runs than the node has')
      },
      shutdown: stop('shutdown'),
      destroy: stop('destroy'),
      undefine: async (leaseId: Hex) => {
        demand(leaseId, ended(leaseId) || vm(leaseId)?.status === 'Provisioning', 'was undefined while alive')
        if (ended(leaseId)) demandFresh(leaseId, 'was undefined')
        await inner.undefine(leaseId)
      },
    })
  }

  const disks = (inner: DiskStore): DiskStore => ({
    ...inner,
    createOverlay: async (leaseId, image, size, beside) => {
      const had = host.diskInUse(leaseId)
      const path = await inner.createOverlay(leaseId, image, size, beside)
      const record = ledger(leaseId)
      if (had === null) record.disksMade++
      demand(
        leaseId,
        record.disksMade <= 1 + record.reinstallOrders,
        'was given an empty disk nobody ordered',
      )
      return path
    },
    quarantine: async (leaseId, at, install) => {
      const had = host.diskInUse(leaseId)
      demand(
        leaseId,
        host.machine.find(host.instance, leaseId)?.state !== 'running',
        'lost its disk while running',
      )
      demandFresh(leaseId, 'had its disk set aside')
      await inner.quarantine(leaseId, at, install)
      if (had === null) return
      host.markAside(had)
      if (ended(leaseId)) return
      const record = ledger(leaseId)
      record.exchanges++
      demand(leaseId, record.exchanges <= record.exchangeOrders, 'had its disk set aside without an order')
    },
    purge: async (leaseId, notAfter) => {
      demandFresh(leaseId, 'lost a disk')
      const before = host.disksOf(leaseId)
      await inner.purge(leaseId, notAfter)
      const after = new Set(host.disksOf(leaseId))
      for (const disk of before.filter((id) => !after.has(id))) {
        demand(leaseId, ended(leaseId), 'lost a disk without a final end')
        demand(
          leaseId,
          host.asideForMs(disk) >= LIMITS.quarantineMs - 1_000,
          'lost a disk before 72 h were over',
        )
        host.markPurged(disk)
      }
    },
  })

  const seeds = (inner: SeedStore): SeedStore => ({
    ...inner,
    remove: async (leaseId) => {
      demandFresh(leaseId, 'lost its seed')
      demand(leaseId, ended(leaseId), 'lost its seed while alive')
      await inner.remove(leaseId)
    },
  })
  const keys = (inner: LeaseKeyStore): LeaseKeyStore => ({
    ...inner,
    remove: async (leaseId) => {
      demandFresh(leaseId, 'lost its keys')
      demand(leaseId, ended(leaseId), 'lost its keys while alive')
      demand(leaseId, host.disksOf(leaseId).length === 0, 'lost its keys before its disk')
      await inner.remove(leaseId)
    },
  })
  const totals = () => ({
    leases: ledgers.size,
    edges,
    starts: [...ledgers.values()].reduce((sum, { starts }) => sum + starts, 0),
  })
  return { violations, ledger, totals, store, hypervisor, disks, seeds, keys, demand }
}
export type Watch = ReturnType<typeof makeWatch>
