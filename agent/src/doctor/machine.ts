// What guests need of the machine: a processor that runs them, a libvirt that takes them, and what was promised of it.

import { statfsSync } from 'node:fs'
import { totalmem } from 'node:os'
import { nodeRegistryAbi } from '@decloud/protocol'
import { DEVELOPMENT_CHAIN } from '../config/config.ts'
import { whyNotKvm } from '../domain/probe.ts'
import { decideAcceleration, probeKvm } from '../hypervisor/libvirt/kvm.ts'
import { WorkerPool } from '../hypervisor/libvirt/worker-pool.ts'
import { HypervisorError } from '../ports/hypervisor.ts'
import { newestProbe } from './facts.ts'
import { type Finding, fail, ok, unknown, warn } from './finding.ts'
import type { Subject } from './subject.ts'

export const checkAcceleration = async (subject: Subject): Promise<Finding[]> => {
  const check = 'virtualisation'
  const { hypervisor, acceleration, dataDir } = subject.config()
  if (hypervisor === 'simulated') return [ok(check, 'not needed: guests are simulated')]
  const seen = decideAcceleration(await probeKvm(subject.root), 'auto')
  // What a machine shows, and what a guest then did on it, are two things.
  const never = seen.acceleration === 'kvm' ? whyNotKvm(newestProbe(dataDir)) : null
  const decision = never === null ? seen : { acceleration: 'tcg', reason: never }
  if (decision.acceleration === 'kvm') return [ok(check, decision.reason)]
  if (acceleration === 'tcg') {
    const todo = 'For tests this may do. Tenants pay for a processor, not for a twentieth of one.'
    return [
      warn(
        check,
        'kvm-unused',
        `guests are emulated, as the configuration demands. ${decision.reason}`,
        todo,
      ),
    ]
  }
  const todo =
    'Switch virtualisation on in the firmware (VT-x, AMD-V), load kvm_intel or kvm_amd, and let the agent open /dev/kvm (group kvm).'
  return [fail(check, 'kvm-missing', decision.reason, todo)]
}

/** On a machine whose processors are all taken, its thread alone takes seconds to come up. */
const LIBVIRT_MS = 25_000

export const checkLibvirt = async (subject: Subject): Promise<Finding[]> => {
  const check = 'libvirt'
  const { hypervisor, libvirtUri, deployment } = subject.config()
  if (hypervisor === 'simulated') return [ok(check, 'not needed: guests are simulated')]
  const pool = new WorkerPool(libvirtUri, 1)
  try {
    const all = await pool.call('domains', ['decloud-'], 'list domains', LIBVIRT_MS)
    return [ok(check, `answers at ${libvirtUri}, ${all.length} guests of agents on this machine`)]
  } catch (error) {
    if (!(error instanceof HypervisorError)) throw error
    if (error.code === 'timeout') {
      const todo = 'Look whether the machine is overloaded, then at libvirt: systemctl status libvirtd'
      return [unknown(check, 'libvirt-slow', `no answer within ${LIBVIRT_MS / 1_000} s`, todo)]
    }
    if (hypervisor === 'auto' && deployment.chainId === DEVELOPMENT_CHAIN) {
      const todo = 'Start libvirtd to run real guests.'
      return [
        warn(
          check,
          'libvirt-absent',
          `${error.message} On this development chain guests are simulated`,
          todo,
        ),
      ]
    }
    const todo =
      'Start it (systemctl start libvirtd), install it (apt install libvirt-daemon-system), let the agent into its group.'
    return [fail(check, 'libvirt-down', error.message, todo)]
  } finally {
    await pool.close()
  }
}

const MIB = 1024 ** 2
const GIB = 1024 ** 3

/** What the registry says that this node has, beside what it has. */
export const checkPromises = async (subject: Subject): Promise<Finding[]> => {
  const check = 'capacity'
  const { node, dataDir, gpus = [] } = subject.config()
  const chain = await subject.chain()
  const offer = await chain.request('read what this node offers', (client) =>
    client.readContract({
      ...{
        address: chain.deployment.nodeRegistry,
        abi: nodeRegistryAbi,
        functionName: 'offer',
        args: [node],
      },
    }),
  )
  const { memoryMiB, diskGiB } = offer.capacity
  const memory = Math.floor(totalmem() / MIB)
  const findings: Finding[] = []
  const todo =
    '`decloud-node discover`, then `capacity set` offers what is there: what is leased above it fails.'
  if (Number(memoryMiB) > memory) {
    const what = `${memoryMiB} MiB of memory are registered, the machine has ${memory}`
    findings.push(fail(check, 'memory-short', what, todo))
  }
  const disk = diskOf(dataDir)
  if (disk !== null && Number(diskGiB) > disk) {
    const what = `${diskGiB} GiB of disk are registered, the file system has ${disk}`
    findings.push(fail(check, 'disk-short', what, todo))
  }
  if (offer.capacity.gpus > gpus.length) {
    const what = `${offer.capacity.gpus} GPUs are registered, ${gpus.length} are configured`
    findings.push(fail(check, 'gpus-short', what, todo))
  }
  if (!offer.active) {
    const what = 'the node is drained: it takes no new lease'
    findings.push(warn(check, 'node-drained', what, '`decloud-node resume` when it is to earn again.'))
  }
  return findings.length > 0
    ? findings
    : [ok(check, `${memoryMiB} MiB and ${diskGiB} GiB are registered and there`)]
}

const diskOf = (dataDir: string): number | null => {
  try {
    const { blocks, bsize } = statfsSync(dataDir)
    return Math.floor((blocks * bsize) / GIB)
  } catch {
    return null // the folder has a finding of its own
  }
}
