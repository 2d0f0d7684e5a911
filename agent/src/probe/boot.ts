// One throw-away guest, from nothing to System Ready and back to nothing.
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { bytesToHex } from 'viem'
import { seedFiles } from '../guest/seed.ts'
import { waitForSystem } from '../guest/system-check.ts'
import { macOf } from '../hypervisor/mac.ts'
import { type DomainSpec, type Hypervisor, HypervisorError } from '../ports/hypervisor.ts'
import type { DiskStore, SeedStore, VerifiedImage } from '../ports/storage.ts'
import type { ProbeNames } from './names.ts'

export type BootDeps = {
  readonly hypervisor: Hypervisor
  readonly disks: Pick<DiskStore, 'createOverlay'>
  readonly seeds: Pick<SeedStore, 'write'>
  readonly names: ProbeNames
}

export type Boot =
  | { readonly ready: true; readonly seconds: number }
  | { readonly ready: false; readonly why: string }

const GIB = 1024 ** 3
/** The tiny image lives in memory; a whole distribution does not start in less than the other. */
const MEMORY_MIB = { tiny: 256, other: 1_024 } as const

/**
 * @returns how long it took from power-on, or why it was not ready within `deadlineMs`.
 * @throws HypervisorError, StorageError when a guest could not even be set up; the signal's reason.
 */
export const bootProbe = async (
  { hypervisor, disks, seeds, names }: BootDeps,
  image: VerifiedImage,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<Boot> => {
  const leaseId = bytesToHex(randomBytes(32))
  const mac = macOf(names.instance, leaseId)
  await ownNetwork(hypervisor, names.network)
  const config = {
    instanceId: leaseId,
    hostname: 'probe',
    sshKeys: [],
    passwordHash: null,
    variables: {},
    mac,
  }
  const spec: DomainSpec = {
    ...{ leaseId, generation: 1, specHash: leaseId, vcpus: 1 },
    memoryMiB: image.id.startsWith('tiny') ? MEMORY_MIB.tiny : MEMORY_MIB.other,
    diskPath: await disks.createOverlay(leaseId, image, Math.ceil(image.virtualSizeBytes / GIB)),
    baseDiskPath: image.diskPath,
    seedPath: await seeds.write(leaseId, seedFiles(config)),
    boot: image.boot,
    network: { name: names.network, mac },
    arch: image.arch,
  }
  signal.throwIfAborted()
  await hypervisor.define(spec)
  const begun = performance.now()
  await hypervisor.start(leaseId)
  const check = await waitForSystem(hypervisor, leaseId, mac, { deadlineMs, signal })
  return check.state === 'ready'
    ? { ready: true, seconds: (performance.now() - begun) / 1_000 }
    : { ready: false, why: check.reason }
}

const RANGES = 16
const PAUSE_MS = 100

/** A range that nothing else on the machine carries, of those that hardly anybody uses. */
const ownNetwork = async (hypervisor: Hypervisor, name: string): Promise<void> => {
  const [from = 0] = randomBytes(1)
  for (let nth = 0; ; nth++) {
    const subnet = `172.31.${(from + nth * 37) % 256}.248/29`
    try {
      return await hypervisor.ensureNetwork({ name, subnet, mode: 'isolated' })
    } catch (error) {
      const isTaken = error instanceof HypervisorError && error.code === 'refused'
      if (!isTaken || nth >= RANGES) throw error
      await sleep(PAUSE_MS)
    }
  }
}
