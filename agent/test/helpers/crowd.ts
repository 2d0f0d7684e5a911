// A node with many activated, running, simulated guests, and a chain that says that they should run.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '@decloud/chain'
import type { LeaseView } from '@decloud/protocol'
import { type Hex, numberToHex, zeroAddress, zeroHash } from 'viem'
import { draftOf } from '../../../scripts/lib/tenant.ts'
import type { LeaseSight } from '../../src/domain/desired.ts'
import { GENERATION, specHashOf } from '../../src/domain/spec.ts'
import { cpuLimits, linkRate } from '../../src/domain/tiers.ts'
import { admitted } from '../../src/domain/vm.ts'
import { NO_WISH } from '../../src/domain/wish.ts'
import { makeFakeHypervisor } from '../../src/hypervisor/fake/driver.ts'
import { SimulatedMachine } from '../../src/hypervisor/fake/machine.ts'
import {
  makeSimulatedDiskStore,
  makeSimulatedImageStore,
  makeSimulatedSeedStore,
} from '../../src/lib/simulated-storage.ts'
import type { Deps } from '../../src/reconcile/ports.ts'
import { makeOutageStore } from '../../src/state/outage-store.ts'
import { makeVmStore } from '../../src/state/vm-store.ts'
import { guestOf } from './guest-of.ts'
import { makeMemoryKeys } from './keys.ts'
import { leaseView } from './lease-view.ts'
import { MANIFEST, SMALL_VM } from './node.ts'
import { NO_EVENTS, PLENTIFUL, simulatedResources, UNITS_PER_VCPU } from './resources.ts'

const SILENT = { info: () => {}, warn: () => {}, error: () => {} }

const NETWORK = 'crowd'
const INSTANCE = 'crowd'
const NOW = 1_800_000_000
const NODE = 1

export type Crowd = Awaited<ReturnType<typeof makeCrowd>>

/** @param count guests; all of them are what their leases want them to be. */
export const makeCrowd = async (count: number) => {
  const folder = await mkdtemp(join(tmpdir(), 'decloud-crowd-'))
  const db = openDatabase(join(folder, 'agent.sqlite'))
  const machine = new SimulatedMachine({ faults: { bootMs: 0 } })
  const hypervisor = makeFakeHypervisor(machine, INSTANCE)
  await hypervisor.ensureNetwork({ name: NETWORK, subnet: '10.88.0.0/16', mode: 'isolated' })
  const counted = { looks: 0, after: async () => {} }
  const leaseIds = Array.from({ length: count }, (_, nth) => numberToHex(nth + 1, { size: 32 }))
  const views = leaseIds.map(leaseOf)
  const sights = new Map<Hex, LeaseSight>(
    views.map((view) => [view.leaseId, { latest: view, finalized: view }]),
  )
  const list = async () => {
    counted.looks++
    const seen = await hypervisor.list()
    await counted.after()
    return seen
  }
  const deps: Deps = {
    chain: {
      node: NODE,
      snapshot: () => ({ fresh: true, chainNow: NOW, leases: sights }),
      subscribe: () => () => {},
      tenantOf: async () => zeroAddress,
      confirmEnded: async () => false,
      confirmDepleted: async () => false,
      activate: async () => {},
      expire: async () => {},
      funds: async () => ({ agent: zeroAddress, balance: 1n, needed: 1n }),
    },
    openManifest: async () => MANIFEST,
    manifestHash: ({ terms }) => terms.manifestHash,
    hypervisor: new Proxy(hypervisor, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target)
        if (name === 'list') return list
        return typeof member === 'function' ? member.bind(target) : member
      },
    }),
    images: makeSimulatedImageStore(),
    disks: makeSimulatedDiskStore(join(folder, 'disks')),
    seeds: makeSimulatedSeedStore(join(folder, 'seeds')),
    keys: makeMemoryKeys(),
    guest: {
      ...guestOf(hypervisor, INSTANCE),
      seedFiles: () => ({ userData: '', metaData: '', networkConfig: '' }),
    },
    machine: PLENTIFUL,
    resources: simulatedResources(db, hypervisor, SILENT),
    store: makeVmStore(db),
    outages: makeOutageStore(db),
    events: NO_EVENTS,
    wishes: { of: () => NO_WISH, subscribe: () => () => {} },
    networkName: NETWORK,
    log: SILENT,
    nowMs: Date.now,
    random: () => 0.5,
  }
  for (const view of views) await settle(deps, view)
  counted.looks = 0
  return {
    deps,
    machine,
    instance: INSTANCE,
    leaseIds,
    /** How often the machine has been listed. */
    looks: () => counted.looks,
    /** Runs between each look and whoever waits for it. */
    afterLook: (work: () => Promise<void>) => {
      counted.after = work
    },
    /** `all` resolves once every lease has been looked at, and `enough` says so of it. */
    allSettled: (enough: (leaseId: Hex) => boolean = () => true) => {
      const { promise: all, resolve } = Promise.withResolvers<void>()
      const open = new Set(leaseIds)
      const one = (leaseId: Hex) => {
        if (enough(leaseId)) open.delete(leaseId)
        if (open.size === 0) resolve()
      }
      return { all, one }
    },
    close: async () => {
      db.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const leaseOf = (leaseId: Hex): LeaseView =>
  leaseView(leaseId, {
    ...{ status: 'Active', tenant: zeroAddress, terms: draftOf(SMALL_VM), node: NODE, pricePerHour: 1n },
    ...{ activateBy: NOW, startedAt: NOW, hostKeyFingerprint: zeroHash, deposited: 1_000_000_000n },
  })

/** As an agent would have left it. */
const settle = async (deps: Deps, lease: LeaseView) => {
  const { leaseId, terms } = lease
  const mac = deps.guest.macOf(leaseId)
  const image = await deps.images.ensure('debian-12')
  await deps.hypervisor.define({
    leaseId,
    generation: GENERATION,
    specHash: specHashOf(lease, { network: deps.networkName, mac, shaping: deps.resources.shaper.mode }),
    vcpus: terms.vcpus,
    memoryMiB: terms.memoryMiB,
    diskPath: await deps.disks.createOverlay(leaseId, image, terms.diskGiB),
    baseDiskPath: image.diskPath,
    seedPath: await deps.seeds.write(leaseId, { userData: '', metaData: '', networkConfig: '' }),
    boot: image.boot,
    network: { name: deps.networkName, mac },
  })
  await deps.hypervisor.start(leaseId)
  await deps.hypervisor.setCpu(leaseId, cpuLimits(UNITS_PER_VCPU[terms.tier]!, terms.vcpus, true))
  const nic = await deps.hypervisor.nicOf(leaseId)
  await deps.resources.shaper.shape(leaseId, nic!.device, linkRate(terms.bandwidth)!)
  deps.resources.tending.shaped(leaseId)
  deps.resources.tending.tuned(leaseId)
  const check = await deps.guest.check(leaseId)
  if (check.state !== 'ready') throw new Error(`the simulated guest is not ready: ${check.reason}`)
  const nowMs = Date.now()
  deps.store.put({
    ...admitted(leaseId, nowMs, nowMs),
    ...{ status: 'Running', phase: 'Running', deadlineMs: null, image: 'debian-12' },
    ...{ facts: check.facts, checkedMs: nowMs, manifestSeen: terms.manifestHash },
  })
}
