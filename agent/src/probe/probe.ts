// Proof that this machine runs guests: one is booted, to System Ready, and removed. Where KVM is shown and guests under
// it never boot, a second one is booted without it, and the node is told.
import { mkdir } from 'node:fs/promises'
import type { ProbeFacts } from '@decloud/protocol/wire/facts'
import type { AccelerationChoice } from '../hypervisor/libvirt/kvm.ts'
import { AgentError } from '../lib/errors.ts'
import { tryLock } from '../lib/file-lock.ts'
import { type Hypervisor, HypervisorError } from '../ports/hypervisor.ts'
import { type DiskStore, type SeedStore, StorageError, type VerifiedImage } from '../ports/storage.ts'
import { type Boot, bootProbe } from './boot.ts'
import { cleanProbe } from './clean.ts'
import { type ProbeNames, probeNames } from './names.ts'

export type ProbeDeps = {
  readonly dataDir: string
  /** The guests of this instance are the probe's own. */
  readonly open: (instance: string, acceleration: AccelerationChoice) => Promise<Hypervisor>
  readonly image: (hypervisor: Hypervisor, signal: AbortSignal) => Promise<VerifiedImage>
  readonly storage: (hypervisor: Hypervisor, folder: string) => { disks: DiskStore; seeds: SeedStore }
  readonly nowMs: () => number
  readonly say: (line: string) => void
}

export type ProbeOptions = {
  readonly acceleration: AccelerationChoice
  /** From power-on to System Ready, of each guest that is tried. */
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

type Attempt = {
  readonly boot: Boot
  readonly acceleration: Hypervisor['capabilities']['acceleration']
  readonly image: VerifiedImage
}

/**
 * Whatever happens, nothing of the probe stays: also what an earlier one left that was killed is removed.
 * @returns what was found, a guest that never boots included.
 * @throws AgentError `probe-busy`, `probe-impossible` when no guest could be tried; the signal's reason.
 */
export const probeNode = async (deps: ProbeDeps, options: ProbeOptions): Promise<ProbeFacts> => {
  const names = probeNames(deps.dataDir)
  await mkdir(deps.dataDir, { recursive: true, mode: 0o711 })
  const unlock = tryLock(names.lock)
  if (unlock === null) {
    throw new AgentError('probe-busy', 'Another probe runs on this machine.', {
      hint: 'Wait until it is done.',
    })
  }
  try {
    const first = await attempt(deps, names, options, options.acceleration)
    const isTrap = !first.boot.ready && first.acceleration === 'kvm' && options.acceleration === 'auto'
    if (!isTrap) return factsOf(deps, first, first, options)
    deps.say('a guest under KVM does not boot here; trying without it …')
    return factsOf(deps, first, await attempt(deps, names, options, 'tcg'), options)
  } catch (error) {
    options.signal.throwIfAborted()
    if (error instanceof HypervisorError || error instanceof StorageError) {
      throw new AgentError('probe-impossible', `No guest could be tried: ${error.message}`, {
        hint: '`decloud-node doctor` looks at all that guests need.',
        cause: error,
      })
    }
    throw error
  } finally {
    unlock()
  }
}

const attempt = async (
  deps: ProbeDeps,
  names: ProbeNames,
  { deadlineMs, signal }: ProbeOptions,
  acceleration: AccelerationChoice,
): Promise<Attempt> => {
  signal.throwIfAborted()
  const hypervisor = await deps.open(names.instance, acceleration)
  try {
    const left = await cleanProbe(hypervisor, names)
    if (left > 0) deps.say(`removed ${left} guest${left === 1 ? '' : 's'} that a killed probe had left`)
    const image = await deps.image(hypervisor, signal)
    // First the folder: as long as anything of the probe is there, so is it.
    await mkdir(names.folder, { recursive: true, mode: 0o711 })
    try {
      deps.say(`booting ${image.id} under ${hypervisor.capabilities.acceleration} …`)
      const boot = await bootProbe(
        { hypervisor, names, ...deps.storage(hypervisor, names.folder) },
        image,
        deadlineMs,
        signal,
      )
      return { boot, image, acceleration: hypervisor.capabilities.acceleration }
    } finally {
      await cleanProbe(hypervisor, names)
    }
  } finally {
    await hypervisor.close()
  }
}

/** @param first what was tried at first, with KVM where the machine shows it. @param last what counts. */
const factsOf = (
  { nowMs }: ProbeDeps,
  first: Attempt,
  last: Attempt,
  { deadlineMs }: ProbeOptions,
): ProbeFacts => {
  const { boot, image, acceleration } = last
  const common = {
    takenAt: Math.floor(nowMs() / 1_000),
    kvm:
      first.acceleration !== 'kvm'
        ? ('not-tried' as const)
        : first.boot.ready
          ? ('boots' as const)
          : ('never-boots' as const),
    image: image.id,
    imageSha256: acceleration === 'simulated' ? null : image.diskSha256,
  }
  const trap =
    first !== last && !first.boot.ready
      ? `KVM is shown here, but a guest under it did not boot (${first.boot.why}). `
      : ''
  if (!boot.ready) {
    const message = `${trap}The guest did not become ready within ${deadlineMs / 1_000} s under ${acceleration}: ${boot.why}.`
    return {
      ...common,
      ...{ outcome: 'failed', acceleration: null, secondsToReady: null, message: message.slice(0, 600) },
    }
  }
  const secondsToReady = Math.round(boot.seconds * 100) / 100
  if (acceleration === 'simulated') {
    const message = 'There was no guest: the hypervisor of this node is simulated.'
    return { ...common, outcome: 'simulated', acceleration: null, secondsToReady, message }
  }
  const advice =
    trap === ''
      ? ''
      : 'Guests run without it, which is real but slow; DECLOUD_ACCELERATION=kvm insists on KVM. '
  const message = `${trap}${advice}A guest was ready ${secondsToReady} s after power-on, under ${acceleration}.`
  return { ...common, outcome: 'passed', acceleration, secondsToReady, message: message.slice(0, 600) }
}
