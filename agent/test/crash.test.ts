// The power is cut at every boundary between a persisted state and its side effect, and between an effect and its record.
// Whatever is cut, a restarted agent ends in the same place. Real SQLite file, simulated machine, scripted chain.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '@decloud/chain'
import type { LeaseView } from '@decloud/protocol'
import type { Hex } from 'viem'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LeaseSight } from '../src/domain/desired.ts'
import { LIMITS } from '../src/domain/situation.ts'
import { NO_WISH } from '../src/domain/wish.ts'
import { makeFakeHypervisor } from '../src/hypervisor/fake/driver.ts'
import { SimulatedMachine } from '../src/hypervisor/fake/machine.ts'
import {
  makeSimulatedDiskStore,
  makeSimulatedImageStore,
  makeSimulatedSeedStore,
} from '../src/lib/simulated-storage.ts'
import type { Hypervisor } from '../src/ports/hypervisor.ts'
import { makeFlight } from '../src/reconcile/flight.ts'
import type { Deps, LeaseChain } from '../src/reconcile/ports.ts'
import { makeKeyStore } from '../src/ssh/key-store.ts'
import { makeOutageStore } from '../src/state/outage-store.ts'
import { makeVmStore } from '../src/state/vm-store.ts'
import { guestOf } from './helpers/guest-of.ts'
import { leaseView } from './helpers/lease-view.ts'
import { MANIFEST, SMALL_VM } from './helpers/node.ts'
import { NO_EVENTS, PLENTIFUL, simulatedResources } from './helpers/resources.ts'

const LEASE: Hex = `0x${'cd'.repeat(32)}`
const INSTANCE = 'n1'
const NOW = 1_800_000_000
const BACKOFF = { baseMs: 10, capMs: 10 }

const SILENT = { info: () => {}, warn: () => {}, error: () => {} }

class PowerCut extends Error {}

/** A chain that answers what the test says, and remembers what it was told. */
const scriptedChain = () => {
  let lease = leaseView(LEASE, {
    ...{ pricePerHour: 10_000n, activateBy: NOW + 900, deposited: 1_000_000n },
    terms: { ...SMALL_VM, manifestHash: LEASE } as LeaseView['terms'], // what the agent reads of the terms
  })
  let activations = 0
  const chain: LeaseChain = {
    node: 1,
    snapshot: () => ({
      fresh: true,
      chainNow: NOW,
      leases: new Map<Hex, LeaseSight>([[LEASE, { latest: lease, finalized: lease }]]),
    }),
    subscribe: () => () => {},
    tenantOf: async () => lease.tenant,
    confirmEnded: async () => lease.status === 'Ended',
    confirmDepleted: async () => false,
    activate: async (_, hostKeyFingerprint) => {
      if (lease.status === 'Assigned') activations++
      lease = { ...lease, status: 'Active', startedAt: NOW, hostKeyFingerprint }
    },
    expire: async () => {},
    funds: async () => ({ agent: lease.tenant, balance: 1n, needed: 1n }),
  }
  return {
    chain,
    activations: () => activations,
    end: () => {
      lease = { ...lease, status: 'Ended', endReason: 'ClosedByTenant', endedAt: NOW }
    },
  }
}

/** Performs call number `cutAt` of those that change something, and then says that it failed. */
const failingAfter = <port extends object>(
  port: port,
  names: readonly string[],
  count: { calls: number; cutAt: number },
) =>
  new Proxy(port, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      const call = member.bind(target) as (...args: unknown[]) => Promise<unknown>
      if (!names.includes(String(name))) return call
      return async (...args: unknown[]) => {
        const result = await call(...args)
        if (++count.calls === count.cutAt) throw new PowerCut('after the effect, before its record')
        return result
      }
    },
  })

describe('a power cut at any moment', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'decloud-crash-'))
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  const script = scriptedChain
  const boot = (machine: SimulatedMachine, chain: LeaseChain, count = { calls: 0, cutAt: -1 }) => {
    const db = openDatabase(join(directory, 'agent.db'))
    const hypervisor: Hypervisor = failingAfter(
      makeFakeHypervisor(machine, INSTANCE),
      ['define', 'start', 'setCpu', 'shutdown', 'destroy', 'undefine'],
      count,
    )
    let clock = NOW * 1000
    const deps: Deps = {
      chain: failingAfter(chain, ['activate', 'confirmEnded'], count),
      openManifest: async () => MANIFEST,
      manifestHash: ({ terms }) => terms.manifestHash,
      hypervisor,
      images: makeSimulatedImageStore(),
      disks: failingAfter(
        makeSimulatedDiskStore(join(directory, 'disks')),
        ['createOverlay', 'quarantine'],
        count,
      ),
      seeds: failingAfter(makeSimulatedSeedStore(join(directory, 'seeds')), ['write', 'remove'], count),
      keys: failingAfter(makeKeyStore(join(directory, 'ssh')), ['ensure', 'remove'], count),
      guest: guestOf(hypervisor, INSTANCE),
      machine: PLENTIFUL,
      resources: simulatedResources(db, hypervisor, SILENT),
      store: makeVmStore(db),
      outages: makeOutageStore(db),
      events: NO_EVENTS,
      wishes: { of: () => NO_WISH, subscribe: () => () => {} },
      networkName: 'decloud',
      log: SILENT,
      nowMs: () => clock,
      random: () => 0.5,
    }
    /** Flies until nothing is left to do, moving the clock over every wait. */
    const settle = async (beforeStep?: () => void) => {
      const { fly } = makeFlight({
        deps,
        backoff: BACKOFF,
        ...(beforeStep === undefined ? {} : { beforeStep }),
      })
      try {
        for (let i = 0; i < 30; i++) {
          clock += Math.min(await fly(LEASE, new AbortController().signal), 1_000)
        }
      } finally {
        db.close()
      }
    }
    const look = () => deps.store.get(LEASE)
    return { deps, settle, look }
  }

  const outcome = async (machine: SimulatedMachine, chain: LeaseChain) => {
    const { deps } = boot(machine, chain)
    const vm = deps.store.get(LEASE)
    const [disks, seeds, domains] = await Promise.all([
      deps.disks.list(),
      deps.seeds.list(),
      deps.hypervisor.list(),
    ])
    return {
      status: vm?.status,
      facts: vm?.facts !== null,
      domains: domains.map(({ state }) => state),
      boots: machine.find(INSTANCE, LEASE)?.boots,
      disks: disks.map(({ quarantinedAt }) => quarantinedAt !== null),
      seeds: seeds.length,
    }
  }

  const fresh = () => {
    const machine = new SimulatedMachine()
    const network = makeFakeHypervisor(machine, INSTANCE).ensureNetwork({
      name: 'decloud',
      subnet: '10.77.0.0/24',
      mode: 'nat',
    })
    return { machine, network, scripted: script() }
  }

  const UP = { status: 'Running', facts: true, domains: ['running'], boots: 1, disks: [false], seeds: 1 }
  const DOWN = { status: 'Deleted', facts: true, domains: [], boots: undefined, disks: [true], seeds: 0 }

  // More than a life has steps: a cut that never comes must still end well, and the test counts the cuts that came.
  it.each(Array.from({ length: 24 }, (_, n) => n + 1))('before step %i, then a restart', async (cutAt) => {
    const { machine, network, scripted } = fresh()
    await network
    let steps = 0
    const cut = () => {
      if (++steps === cutAt) throw new PowerCut('before the effect')
    }
    const live = async (goal: unknown) => {
      await boot(machine, scripted.chain)
        .settle(cut)
        .catch((error: unknown) => {
          if (!(error instanceof PowerCut)) throw error
        })
      await boot(machine, scripted.chain).settle()
      expect(await outcome(machine, scripted.chain)).toEqual(goal)
    }
    await live(UP)
    scripted.end()
    await live(DOWN)
    expect(scripted.activations()).toBe(1)
  })

  it.each(Array.from({ length: 14 }, (_, n) => n + 1))('after effect %i, unrecorded', async (cutAt) => {
    const { machine, network, scripted } = fresh()
    await network
    const count = { calls: 0, cutAt }
    await boot(machine, scripted.chain, count).settle()
    expect(await outcome(machine, scripted.chain)).toEqual(UP)
    scripted.end()
    await boot(machine, scripted.chain, count).settle()
    expect(await outcome(machine, scripted.chain)).toEqual(DOWN)
    expect(scripted.activations()).toBe(1)
    expect(count.calls, 'the script has fewer effects than this').toBeGreaterThanOrEqual(Math.min(cutAt, 10))
  })

  it('keeps a deadline on every status that must pass', async () => {
    const { machine, network, scripted } = fresh()
    await network
    machine.faults.agentNever = true
    const { settle, look } = boot(machine, scripted.chain)
    const seen: unknown[] = []
    await settle(() => {
      const vm = look()
      if (vm !== null && ['Pending', 'Provisioning', 'Stopping', 'Deleting'].includes(vm.status)) {
        seen.push(vm.deadlineMs)
      }
    })
    expect(seen.length).toBeGreaterThan(5)
    expect(seen.every((deadline) => typeof deadline === 'number' && deadline <= (NOW + 900) * 1000)).toBe(
      true,
    )
    expect(LIMITS.quarantineMs).toBe(72 * 3_600_000)
  })
})
