// Hypervisor and storage as the configuration wants them.
import { join } from 'node:path'
import { makeAnchors } from './bridge/anchors.ts'
import { makeFakeAnchors } from './bridge/fake-anchors.ts'
import { type AgentConfig, DEVELOPMENT_CHAIN, type MachineConfig } from './config/config.ts'
import { makeDiskStore } from './disk/disk-store.ts'
import { checkFileAccess, FILE_MODES, fileAccessOf } from './disk/file-access.ts'
import { makeSeedStore } from './disk/seed-store.ts'
import { whyNotKvm } from './domain/probe.ts'
import { makeFakeHypervisor } from './hypervisor/fake/driver.ts'
import { SimulatedMachine } from './hypervisor/fake/machine.ts'
import { openLibvirt } from './hypervisor/libvirt/driver.ts'
import { keepRoom, spaceOf } from './image/keeper.ts'
import { openImages } from './images.ts'
import { AgentError } from './lib/errors.ts'
import {
  makeSimulatedDiskStore,
  makeSimulatedImageStore,
  makeSimulatedSeedStore,
} from './lib/simulated-storage.ts'
import type { Anchors } from './ports/anchors.ts'
import { type Hypervisor, HypervisorError } from './ports/hypervisor.ts'
import type { LeaseKeyStore } from './ports/lease-keys.ts'
import type { Shaper } from './ports/shaper.ts'
import type { DiskStore, ImageStore, SeedStore } from './ports/storage.ts'
import { detectShaping, placeOfTrial } from './qos/detect.ts'
import { makeFakeShaper } from './qos/fake-shaper.ts'
import { makeTcShaper } from './qos/tc-shaper.ts'
import { makeTools } from './qos/tools.ts'
import type { Log } from './reconcile/ports.ts'
import { makeKeyStore } from './ssh/key-store.ts'
import { openFactsStore } from './state/node-facts-store.ts'

export type MachineAdapters = {
  readonly hypervisor: Hypervisor
  readonly images: ImageStore
  readonly disks: DiskStore
  readonly seeds: SeedStore
  readonly keys: LeaseKeyStore
  readonly shaper: Shaper
  readonly anchors: Anchors
}

/**
 * @param given adapters that the caller owns and keeps; whatever else is opened here, `release` closes.
 * @throws AgentError `hypervisor-unavailable`.
 */
export const openMachine = async (
  config: AgentConfig,
  instance: string,
  given: Partial<MachineAdapters>,
  log: Log,
): Promise<MachineAdapters & { release(): Promise<void> }> => {
  const simulation = join(config.dataDir, 'simulated-machine.json')
  const own =
    given.hypervisor === undefined
      ? await openHypervisor(config, instance, log, { simulation, whyNotKvm: provenNotKvm(config.dataDir) })
      : null
  const hypervisor = given.hypervisor ?? own!
  const simulated = hypervisor.capabilities.acceleration === 'simulated'
  const modes = FILE_MODES[fileAccessOf()]
  if (!simulated) checkFileAccess(fileAccessOf(), config.dataDir)
  const disks = join(config.dataDir, 'disks')
  const seeds = join(config.dataDir, 'seeds')
  const images = openImages(config, hypervisor.capabilities)
  const storage = simulated
    ? {
        images: makeSimulatedImageStore(),
        disks: makeSimulatedDiskStore(disks),
        seeds: makeSimulatedSeedStore(seeds),
      }
    : {
        images: images.store,
        disks: makeDiskStore(disks, undefined, modes.disk),
        seeds: makeSeedStore(seeds, modes.seed),
      }
  const keeper = simulated
    ? null
    : keepRoom({ images: images.store, space: spaceOf(config.dataDir), log, everyMs: ROOM_MS })
  const release = async () => {
    await keeper?.close()
    await images.close()
    await own?.close()
  }
  const shaper = given.shaper ?? (simulated ? makeFakeShaper(instance) : await openShaper(instance, log))
  const anchors = given.anchors ?? (simulated ? makeFakeAnchors() : makeAnchors(makeTools()))
  const keys = makeKeyStore(join(config.dataDir, KEYS))
  return { ...storage, keys, ...given, hypervisor, shaper, anchors, release }
}

const openShaper = async (instance: string, log: Log): Promise<Shaper> => {
  const tools = makeTools()
  const { mode, reason } = await detectShaping(tools, placeOfTrial(instance))
  if (mode === 'none') log.warn({ mode }, reason)
  else log.info({ mode }, reason)
  return makeTcShaper({ instance, tools, mode, reason })
}

type HypervisorConfig = Pick<MachineConfig, 'hypervisor' | 'acceleration' | 'libvirtUri'> & {
  readonly deployment?: Pick<AgentConfig['deployment'], 'chainId'> | undefined
  readonly foreignGuests?: AgentConfig['foreignGuests']
}

/**
 * @param instance whose guests are seen.
 * @param simulation file of the simulated guests, which like real ones outlive the agent; null for guests that need not.
 * @param whyNotKvm see LibvirtOptions.
 * @throws AgentError `hypervisor-unavailable`.
 */
export const openHypervisor = async (
  config: HypervisorConfig,
  instance: string,
  log: Log,
  { simulation, whyNotKvm = null }: { simulation: string | null; whyNotKvm?: string | null },
): Promise<Hypervisor> => {
  if (config.hypervisor === 'simulated') return simulate(simulation, instance)
  try {
    return await openLibvirt({
      ...{ uri: config.libvirtUri, instance, acceleration: config.acceleration, whyNotKvm },
      foreignGuests: config.foreignGuests === 'emulate',
      sharedFiles: fileAccessOf() === 'shared',
    })
  } catch (cause) {
    if (!(cause instanceof HypervisorError)) throw cause
    const where = `libvirt cannot be reached at ${config.libvirtUri}.`
    // Only where money is play money: on a real chain a guest that does not exist must never be billed.
    if (config.hypervisor === 'auto' && config.deployment?.chainId === DEVELOPMENT_CHAIN) {
      log.warn({ detail: cause.message }, `${where} This is a development chain: guests are simulated.`)
      return simulate(simulation, instance)
    }
    throw new AgentError('hypervisor-unavailable', where, {
      hint: 'Install and start libvirtd, and let this user into its group.',
      cause,
    })
  }
}

const simulate = (file: string | null, instance: string): Hypervisor =>
  makeFakeHypervisor(
    new SimulatedMachine({ ...(file === null ? {} : { file }), faults: { bootMs: SIMULATED_BOOT_MS } }),
    instance,
  )

/** What the newest probe found out, whatever the machine shows. */
const provenNotKvm = (dataDir: string): string | null => {
  const store = openFactsStore(dataDir)
  try {
    return whyNotKvm(store.probe.newest())
  } finally {
    store.close()
  }
}

/** Under the data folder; the authority of each lease signs from there. */
export const KEYS = 'ssh'

/** How often the room for disks is looked at. */
const ROOM_MS = 60_000
/** About what the smallest real guest takes under KVM. */
const SIMULATED_BOOT_MS = 1_500
