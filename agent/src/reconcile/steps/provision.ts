// From a sealed manifest to a running guest. Each step may find its work done already.
import { checkOf } from '@decloud/protocol'
import { formatEther } from 'viem'
import { guestConfig } from '../../domain/guest-config.ts'
import { PAUSED } from '../../domain/plan-run.ts'
import { awaited } from '../../domain/readiness.ts'
import { GENERATION, specHashOf } from '../../domain/spec.ts'
import { unseen } from '../../domain/vm.ts'
import { sshFingerprint } from '../../guest/system-check.ts'
import { AgentError } from '../../lib/errors.ts'
import type { GuestFacts } from '../../ports/guest.ts'
import type { DomainSpec } from '../../ports/hypervisor.ts'
import { accessOf } from '../../ssh/access.ts'
import { checkSpare, reserve, resourcesOf } from '../resources.ts'
import type { Executors, StepContext } from './context.ts'
import { ensureImage, imageOf, imageOfDisk } from './images.ts'
import { recordOf } from './records.ts'

const GIB = 1024 ** 3
/** Below this a guest that goes on would be paused again at its next writes. */
const RESUME_BYTES = GIB
const RESUMED_MS = 5_000
/** The guest agent answers in milliseconds once it is up. */
const POLL_MS = 500

export const provision: Executors<
  | 'OpenManifest'
  | 'Preflight'
  | 'EnsureImage'
  | 'CreateDisk'
  | 'RestoreDisk'
  | 'WriteSeed'
  | 'Define'
  | 'Redefine'
  | 'Start'
  | 'Resume'
  | 'CheckReady'
> = {
  OpenManifest: async (context) => {
    const manifest = await context.deps.openManifest(context.lease)
    // Of the plaintext only the image's name and what to look at is kept: keys and hashes go to the seed and nowhere else.
    const checks = (manifest.services ?? []).map(checkOf)
    const services = awaited(checks, context.deps.nowMs())
    context.deps.store.put({ ...recordOf(context), image: manifest.image, checks, services })
    return undefined
  },

  Preflight: async (context, { activation, newDisk }) => {
    if (activation) await checkFunds(context.deps)
    // Before anything is made for the guest, and for good: from here on its room is nobody else's.
    await reserve(context.deps, context.lease, activation)
    await checkSpare(context.deps, context.lease.terms, newDisk)
    return undefined
  },

  EnsureImage: ensureImage,

  CreateDisk: async (context, { beside }) => {
    const { leaseId, terms } = context.lease
    await context.deps.disks.createOverlay(leaseId, await imageOf(context), terms.diskGiB, beside)
    return undefined
  },

  RestoreDisk: async (context, { quarantinedAt, install }) => {
    const { deps, lease } = context
    // First which installation it is: a crash after the rename could no longer tell.
    deps.store.put({ ...recordOf(context), install })
    await deps.disks.restore(lease.leaseId, quarantinedAt)
    deps.log.info({ leaseId: lease.leaseId, quarantinedAt }, 'the disk that was set aside is in use again')
    return undefined
  },

  WriteSeed: async (context) => {
    await writeSeed(context)
    return undefined
  },

  Define: async (context) => {
    await context.deps.hypervisor.define(await specOf(context))
    return undefined
  },

  Redefine: async (context) => {
    await context.deps.hypervisor.undefine(context.lease.leaseId)
    await context.deps.hypervisor.define(await specOf(context))
    return undefined
  },

  Start: async (context) => {
    const { deps, lease } = context
    // Since the preflight the lease may have been nowhere for so long that its room was given to another.
    if (deps.resources.ledger.of(lease.leaseId) === null) {
      throw new AgentError(
        'room-lost',
        'The room for the guest was given away meanwhile; it is asked for anew.',
      )
    }
    const vm = recordOf(context)
    // A start serves every reboot ordered before it, and ends an installation: its disk and seed are there. An order
    // about the disk that has not come that far stays in hand.
    const task = vm.task === 'reinstall' || vm.task === 'restore' ? vm.task : null
    // Of a disk that is new, or was brought back, nobody knows whom it lets in.
    const manifestSeen = vm.task === 'install' || vm.task === 'reseed' ? null : vm.manifestSeen
    const rebootMs = Math.max(vm.served.rebootMs, deps.wishes.of(lease.leaseId).rebootAtMs)
    // What the guest reported before it went off is not true of the one that starts now.
    deps.store.put({ ...unseen(vm, deps.nowMs()), task, manifestSeen, served: { ...vm.served, rebootMs } })
    await deps.hypervisor.start(lease.leaseId)
    return { waitMs: POLL_MS }
  },

  Resume: async (context) => {
    const { deps, lease } = context
    const freeBytes = await deps.machine.availableDiskBytes()
    if (freeBytes < RESUME_BYTES) {
      throw new AgentError(PAUSED.code, PAUSED.message)
    }
    // Should it run into the same wall at once, it is not let go on again without a pause.
    deps.store.put({ ...recordOf(context), reason: null, nextAttemptMs: deps.nowMs() + RESUMED_MS })
    await deps.hypervisor.resume(lease.leaseId)
    return { waitMs: RESUMED_MS }
  },

  CheckReady: async (context) => {
    const { deps, lease } = context
    const vm = recordOf(context)
    const check = await deps.guest.check(lease.leaseId)
    const checkedMs = deps.nowMs()
    if (check.state === 'ready') {
      const { facts } = check
      const same = vm.facts?.bootId === facts.bootId
      const seen = same ? vm : unseen(vm, checkedMs)
      deps.store.put({ ...seen, facts, checkedMs, attempts: 0, reason: same ? vm.reason : null })
      if (!same) {
        deps.log.info({ leaseId: vm.leaseId, bootId: facts.bootId }, 'guest ready')
        await noteHostKey(context, facts)
      }
      return undefined
    }
    if (vm.status === 'Running') {
      // An activated guest that does not answer is the tenant's own to mend; it is never restarted for that.
      deps.store.put({ ...vm, checkedMs })
      return { waitMs: vm.facts === null ? POLL_MS : 10_000 }
    }
    if (check.state === 'failed')
      throw new AgentError('guest-failed', `The guest did not set itself up: ${check.reason}.`)
    return { waitMs: POLL_MS }
  },
}

/** People's clients pin the key that the node gave the guest: one that answers with another has them warned. */
const noteHostKey = async (
  { deps, lease }: StepContext,
  { sshHostKey, sshHostKeyFingerprint }: GuestFacts,
) => {
  const given = (await deps.keys.of(lease.leaseId))?.host.publicKey
  if (given === undefined || given === sshHostKey) return
  const message = 'The guest answers with an SSH host key that its node did not give it; users are warned.'
  const details = { given: sshFingerprint(given), reported: sshHostKeyFingerprint }
  deps.events.record({ kind: 'ssh.host-key-differs', leaseId: lease.leaseId, message, details })
}

/** Whole or not at all: the store replaces an earlier one. */
export const writeSeed = async (context: StepContext): Promise<string> => {
  const { deps, lease } = context
  const manifest = await deps.openManifest(lease)
  const { install } = recordOf(context)
  const mac = deps.guest.macOf(lease.leaseId)
  const access = accessOf(lease.leaseId, await deps.keys.ensure(lease.leaseId), deps.guest.nodeAddress)
  const config = guestConfig(lease, manifest, { mac, install, access })
  return deps.seeds.write(lease.leaseId, deps.guest.seedFiles(config))
}

const specOf = async (context: StepContext): Promise<DomainSpec> => {
  const { deps, lease } = context
  const image = await imageOfDisk(context)
  const mac = deps.guest.macOf(lease.leaseId)
  // The seed is written again rather than looked up: it then agrees with the spec.
  const [diskPath, seedPath] = await Promise.all([pathOfDisk(context), writeSeed(context)])
  return {
    leaseId: lease.leaseId,
    generation: GENERATION,
    specHash: specHashOf(lease, { network: deps.networkName, mac, shaping: deps.resources.shaper.mode }),
    vcpus: lease.terms.vcpus,
    memoryMiB: lease.terms.memoryMiB,
    diskPath,
    baseDiskPath: image.diskPath,
    seedPath,
    boot: image.boot,
    arch: image.arch,
    network: { name: deps.networkName, mac },
    ...(await resourcesOf(deps.resources, lease)),
  }
}

const pathOfDisk = async ({ deps, lease }: StepContext): Promise<string> => {
  const disk = (await deps.disks.list()).find((d) => d.leaseId === lease.leaseId && d.quarantinedAt === null)
  if (disk === undefined)
    throw new AgentError('disk-missing', 'The disk of this lease is gone from the node.')
  return disk.path
}

const checkFunds = async (deps: StepContext['deps']) => {
  const { agent, balance, needed } = await deps.chain.funds()
  if (balance >= needed) return
  throw new AgentError(
    'gas-missing',
    `The node's agent ${agent} holds ${formatEther(balance)} of the native coin; activating takes up to ${formatEther(needed)}.`,
    {
      hint: `Its operator has to send at least ${formatEther(needed - balance)} to that address; nothing is billed.`,
    },
  )
}
