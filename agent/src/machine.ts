// Hypervisor and storage as the configuration wants them.
import { join } from 'node:path'
import type { AgentConfig } from './config/config.ts'
import { makeDiskStore } from './disk/disk-store.ts'
import { makeSeedStore } from './disk/seed-store.ts'
import { openLibvirt } from './hypervisor/libvirt/driver.ts'
import { makeImageStore } from './image/image-store.ts'
import { AgentError } from './lib/errors.ts'
import { type Hypervisor, HypervisorError } from './ports/hypervisor.ts'
import type { DiskStore, ImageStore, SeedStore } from './ports/storage.ts'

export type MachineAdapters = {
  readonly hypervisor: Hypervisor
  readonly images: ImageStore
  readonly disks: DiskStore
  readonly seeds: SeedStore
}

/** @param given adapters that the caller owns and keeps; whatever else is opened here, `release` closes. */
export const openMachine = async (
  config: AgentConfig,
  instance: string,
  given: Partial<MachineAdapters>,
): Promise<MachineAdapters & { release(): Promise<void> }> => {
  const own = given.hypervisor === undefined ? await openHypervisor(config, instance) : null
  const hypervisor = given.hypervisor ?? own!
  return {
    hypervisor,
    images: given.images ?? makeImageStore(config.imageDir ?? join(config.dataDir, 'images')),
    disks: given.disks ?? makeDiskStore(join(config.dataDir, 'disks')),
    seeds: given.seeds ?? makeSeedStore(join(config.dataDir, 'seeds')),
    release: async () => own?.close(),
  }
}

const openHypervisor = async (config: AgentConfig, instance: string): Promise<Hypervisor> => {
  try {
    return await openLibvirt({ uri: config.libvirtUri, instance, acceleration: config.acceleration })
  } catch (cause) {
    if (!(cause instanceof HypervisorError)) throw cause
    throw new AgentError('hypervisor-unavailable', `libvirt cannot be reached at ${config.libvirtUri}.`, {
      hint: 'Install and start libvirtd, or set DECLOUD_HYPERVISOR=simulated to run without guests.',
      cause,
    })
  }
}
