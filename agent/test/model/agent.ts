// The real reconciler over real stores, restarted from its files after every cut.
import { join } from 'node:path'
import { openDatabase } from '@decloud/chain'
import type { Hex } from 'viem'
import type { Random } from '../../../test/world/random.ts'
import type { Step } from '../../src/domain/steps.ts'
import { makeFakeHypervisor } from '../../src/hypervisor/fake/driver.ts'
import {
  makeSimulatedDiskStore,
  makeSimulatedImageStore,
  makeSimulatedSeedStore,
} from '../../src/lib/simulated-storage.ts'
import { type DiskStore, type ImageStore, type SeedStore, StorageError } from '../../src/ports/storage.ts'
import { makeFlight } from '../../src/reconcile/flight.ts'
import type { Deps } from '../../src/reconcile/ports.ts'
import { makeSightings } from '../../src/reconcile/sightings.ts'
import { makeOutageStore } from '../../src/state/outage-store.ts'
import { makeVmStore } from '../../src/state/vm-store.ts'
import { guestOf } from '../helpers/guest-of.ts'
import { makeMemoryKeys } from '../helpers/keys.ts'
import { MANIFEST } from '../helpers/node.ts'
import { NO_EVENTS, simulatedResources, UNITS_PER_VCPU } from '../helpers/resources.ts'
import type { ModelChain } from './chain.ts'
import { type Host, INSTANCE } from './host.ts'
import type { Watch } from './watch.ts'

const SILENT = { info: () => {}, warn: () => {}, error: () => {} }

class PowerCut extends Error {}

/** The calls after which a cut may come before their outcome is recorded. */
const EFFECTS: ReadonlySet<string> = new Set([
  'define',
  'start',
  'resume',
  'setCpu',
  'shutdown',
  'destroy',
  'undefine',
  'createOverlay',
  'quarantine',
  'restore',
  'purge',
  'write',
  'remove',
  'ensure',
  'activate',
  'expire',
])

export const makeModelAgent = (host: Host, chain: ModelChain, watch: Watch, random: Random) => {
  // What an operating system would still write after a power cut is no part of this: transactions are whole or absent.
  const open = () => {
    const db = openDatabase(join(host.directory, 'agent.db'))
    db.pragma('synchronous = OFF')
    return db
  }
  let db = open()
  let cut: { at: 'step' | 'effect'; left: number } | null = null
  let dead = false
  const kinds = new Map<string, number>()
  const due = (at: 'step' | 'effect') => {
    if (dead) throw new PowerCut('the power is off')
    if (cut?.at !== at || --cut.left > 0) return
    cut = null
    dead = true
    throw new PowerCut(at === 'step' ? 'before the effect' : 'after the effect, before its record')
  }

  /** A port whose effects are followed by the cut that is due. */
  const mortal = <port extends object>(port: port): port =>
    new Proxy(port, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target)
        if (typeof member !== 'function' || !EFFECTS.has(String(name))) return member
        const call = member.bind(target) as (...args: unknown[]) => Promise<unknown>
        return async (...args: unknown[]) => {
          if (dead) throw new PowerCut('the power is off')
          const result = await call(...args)
          due('effect')
          return result
        }
      },
    })

  const keys = makeMemoryKeys()

  const boot = () => {
    const raw = makeVmStore(db)
    const hypervisor = watch.hypervisor(makeFakeHypervisor(host.machine, INSTANCE), (id) => raw.get(id))
    const sightings = makeSightings()
    const store = watch.store(raw)
    const deps: Deps = {
      chain: mortal(chain.port),
      openManifest: async () => MANIFEST,
      manifestHash: ({ terms }) => terms.manifestHash,
      hypervisor: mortal(hypervisor),
      images: failingImages(host),
      disks: mortal(watch.disks(failingDisks(host, makeSimulatedDiskStore(join(host.directory, 'disks'))))),
      seeds: mortal(watch.seeds(failingSeeds(host, makeSimulatedSeedStore(join(host.directory, 'seeds'))))),
      keys: mortal(watch.keys(keys)),
      guest: guestOf(hypervisor, INSTANCE),
      machine: {
        availableMemoryMiB: async () => host.memoryMiB - host.usedMemoryMiB(),
        availableDiskBytes: async () => host.freeBytes,
        totals: async () => ({ memoryMiB: null, diskBytes: 2 ** 50, cpus: null }),
        diskReserveBytes: 20 * 2 ** 30,
      },
      store: {
        ...store,
        // A process that is dead writes nothing, whatever its last promise still does.
        put: (vm) => {
          if (dead) throw new PowerCut('the power is off')
          store.put(vm)
        },
      },
      outages: makeOutageStore(db),
      events: NO_EVENTS,
      resources: simulatedResources(db, hypervisor, SILENT, {
        offer: async () => ({
          offered: { pointUnits: 1_000, memoryMiB: host.memoryMiB, diskGiB: 10_000, gpus: 0 },
          unitsPerVcpu: UNITS_PER_VCPU,
        }),
      }),
      wishes: { of: host.wish, subscribe: () => () => {} },
      networkName: host.network.name,
      log: SILENT,
      nowMs: host.nowMs,
      random: random.next,
    }
    const taken: Step[] = []
    const beforeStep = (_: Hex, step: Step) => {
      due('step')
      taken.push(step)
      kinds.set(step.kind, (kinds.get(step.kind) ?? 0) + 1)
    }
    const unhear = deps.hypervisor.subscribe((event) => {
      if (event.kind === 'stopped' || event.kind === 'paused') sightings.off(event.leaseId, host.nowMs())
    })
    return { deps, fly: makeFlight({ deps, beforeStep, sightings }).fly, taken, unhear }
  }
  let running = boot()

  const restart = () => {
    running.unhear()
    running.deps.resources.tending.close()
    db.close()
    db = open()
    dead = false
    cut = null
    running = boot()
  }

  return {
    deps: () => running.deps,
    taken: () => running.taken,
    kinds,
    restart,
    armCut: (at: 'step' | 'effect', left: number) => {
      cut = { at, left }
    },
    disarm: () => {
      cut = null
    },
    /** One pass over one lease. @returns ms to the next look; 0 after a cut, when the next agent is up. */
    fly: async (leaseId: Hex): Promise<number> => {
      running.taken.length = 0
      try {
        const waitMs = await running.fly(leaseId, new AbortController().signal)
        if (!dead) return waitMs
      } catch (error) {
        // An observation that fails is the hypervisor's daemon away, or a folder that cannot be read: try later.
        if (!(error instanceof PowerCut) && !dead) return 5_000
      }
      restart()
      return 0
    },
    close: () => {
      running.unhear()
      running.deps.resources.tending.close()
      db.close()
    },
  }
}
export type ModelAgent = ReturnType<typeof makeModelAgent>

const noSpace = () =>
  new StorageError('io', 'The file could not be written.', {
    cause: Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }),
  })

const failingDisks = (host: Host, inner: DiskStore): DiskStore => ({
  ...inner,
  createOverlay: async (...args) => {
    if (host.storage.overlay) throw noSpace()
    return inner.createOverlay(...args)
  },
  quarantine: async (...args) => {
    if (host.storage.rename) throw new StorageError('io', 'The file could not be renamed.')
    return inner.quarantine(...args)
  },
  restore: async (...args) => {
    if (host.storage.rename) throw new StorageError('io', 'The file could not be renamed.')
    return inner.restore(...args)
  },
})

const failingSeeds = (host: Host, inner: SeedStore): SeedStore => ({
  ...inner,
  write: async (...args) => {
    if (host.storage.seed) throw noSpace()
    return inner.write(...args)
  },
})

const failingImages = (host: Host): ImageStore => {
  const inner = makeSimulatedImageStore()
  return {
    ...inner,
    ensure: async (id) => {
      if (host.storage.image) throw new StorageError('image-corrupt', 'The image is corrupt.')
      return inner.ensure(id)
    },
  }
}
