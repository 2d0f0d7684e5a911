// The proof of a node as its configuration wants it: part of the composition root, for the agent and its commands alike.
import { join } from 'node:path'
import type { ProbeFacts } from '@decloud/protocol/wire/facts'
import { DEVELOPMENT_CHAIN, type MachineConfig } from './config/config.ts'
import { makeDiskStore } from './disk/disk-store.ts'
import { checkFileAccess, FILE_MODES, fileAccessOf } from './disk/file-access.ts'
import { makeSeedStore } from './disk/seed-store.ts'
import { whyNotProven } from './domain/probe.ts'
import { openImages } from './images.ts'
import { AgentError } from './lib/errors.ts'
import {
  makeSimulatedDiskStore,
  makeSimulatedImageStore,
  makeSimulatedSeedStore,
} from './lib/simulated-storage.ts'
import { openHypervisor } from './machine.ts'
import type { Hypervisor } from './ports/hypervisor.ts'
import type { ImageStore, VerifiedImage } from './ports/storage.ts'
import { sweepProbe } from './probe/clean.ts'
import { probeNode } from './probe/probe.ts'
import type { Log } from './reconcile/ports.ts'
import type { FactsStore } from './state/node-facts-store.ts'

export type ProveOptions = {
  /** By default the smallest that lies here, else the catalogue's Debian. */
  readonly image?: string | undefined
  readonly deadlineMs: number
  readonly signal: AbortSignal
  readonly say: (line: string) => void
}

/** Boots a probe guest and keeps what came of it. @throws AgentError; see `probeNode`. */
export const proveNode = async (
  config: MachineConfig,
  store: Pick<FactsStore, 'probe'>,
  log: Log,
  { image, deadlineMs, signal, say }: ProveOptions,
): Promise<ProbeFacts> => {
  const found = await probeNode(
    {
      dataDir: config.dataDir,
      open: (instance, acceleration) =>
        openHypervisor({ ...config, acceleration }, instance, log, { simulation: null }),
      image: (hypervisor, stop) => imageFor(config, hypervisor, image, stop),
      storage: (hypervisor, folder) => storageIn(hypervisor, folder),
      nowMs: Date.now,
      say,
    },
    { acceleration: config.acceleration, deadlineMs, signal },
  )
  store.probe.put(found)
  return found
}

/**
 * Refuses what no fresh, successful probe speaks for.
 * @throws AgentError `probe-missing`, `probe-stale`, `probe-failed`, `probe-simulated`.
 */
export const demandProof = (store: Pick<FactsStore, 'probe'>, chainId: number, nowMs: number): ProbeFacts => {
  const probe = store.probe.newest()
  const why = whyNotProven(probe, Math.floor(nowMs / 1_000), chainId === DEVELOPMENT_CHAIN)
  if (why !== null) throw new AgentError(why.code, why.message, { hint: why.hint })
  return probe!
}

/** Removes what a probe that was killed has left; what cannot be removed now is told, and stays for the next time. */
export const sweepProbes = async (config: MachineConfig, log: Log): Promise<void> => {
  try {
    const open = (instance: string) => openHypervisor(config, instance, log, { simulation: null })
    const guests = await sweepProbe(config.dataDir, open)
    if (guests !== null) log.warn({ guests }, 'removed what a probe had left that was killed')
  } catch (error) {
    log.warn({ err: error }, 'what a killed probe has left cannot be removed now')
  }
}

const isSimulated = ({ capabilities }: Hypervisor) => capabilities.acceleration === 'simulated'

const storageIn = (hypervisor: Hypervisor, folder: string) => {
  const modes = FILE_MODES[fileAccessOf()]
  const [disks, seeds] = [join(folder, 'disks'), join(folder, 'seeds')]
  return isSimulated(hypervisor)
    ? { disks: makeSimulatedDiskStore(disks), seeds: makeSimulatedSeedStore(seeds) }
    : { disks: makeDiskStore(disks, undefined, modes.disk), seeds: makeSeedStore(seeds, modes.seed) }
}

const imageFor = async (
  config: MachineConfig,
  hypervisor: Hypervisor,
  wanted: string | undefined,
  signal: AbortSignal,
): Promise<VerifiedImage> => {
  if (isSimulated(hypervisor)) return makeSimulatedImageStore().ensure('tiny')
  checkFileAccess(fileAccessOf(), config.dataDir)
  const images = openImages(config, hypervisor.capabilities)
  try {
    return await images.store.ensure(wanted ?? (await smallestOf(images.store)), { signal })
  } finally {
    await images.close()
  }
}

const TINY = 'tiny'
const OTHERWISE = 'debian-12'

const smallestOf = async (images: ImageStore): Promise<string> => {
  return (await images.list()).includes(TINY) ? TINY : OTHERWISE
}
