// What a lease takes of the node, and what holds it to that.
import type { LeaseView } from '@decloud/protocol'
import type { Hex } from 'viem'
import { type Amounts, hostMemoryFor, OVERHEAD_MIB, type Room, shortage } from '../domain/capacity.ts'
import { spaceLevel } from '../domain/disk-space.ts'
import { cpuLimits, linkRate } from '../domain/tiers.ts'
import { AgentError } from '../lib/errors.ts'
import type { Anchors } from '../ports/anchors.ts'
import type { DomainSpec } from '../ports/hypervisor.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { LinkRate, Shaper } from '../ports/shaper.ts'
import { freeNowhere, isShown } from './nowhere.ts'
import type { Deps } from './ports.ts'
import type { Tending } from './tending.ts'

/** What the chain says of this node, and of all. */
export type NodeOffer = {
  readonly offered: Amounts
  /** Point-units per vCPU by quality tier. */
  readonly unitsPerVcpu: readonly number[]
}

export type Resources = {
  /** As it was read last, a minute ago at most while the chain answers. */
  readonly offer: () => Promise<NodeOffer>
  readonly ledger: Ledger
  readonly shaper: Shaper
  readonly anchors: Anchors
  readonly tending: Tending
  /** PCI addresses of the GPUs that guests may be given. */
  readonly gpuAddresses: readonly string[]
}

type Lease = Pick<LeaseView, 'leaseId' | 'terms'>

/** @throws AgentError `tier-unknown`. */
export const unitsOf = ({ unitsPerVcpu }: NodeOffer, { terms }: Lease): number => {
  const units = unitsPerVcpu[terms.tier]
  if (units !== undefined) return units
  throw new AgentError('tier-unknown', `The node does not know the quality tier ${terms.tier} of the lease.`)
}

/** @returns null for an unmetered link. @throws AgentError `tier-unknown`. */
export const rateOf = ({ terms }: Lease): LinkRate | null => {
  const rate = linkRate(terms.bandwidth)
  if (rate !== undefined) return rate
  throw new AgentError(
    'tier-unknown',
    `The node does not know the bandwidth tier ${terms.bandwidth} of the lease.`,
  )
}

/** The part of a guest's description that follows from its tiers. A boot is at full speed: no quota yet. */
export const resourcesOf = async (
  { offer, shaper, ledger }: Resources,
  lease: Lease,
): Promise<Pick<DomainSpec, 'cpu' | 'bandwidth' | 'gpus'>> => {
  const rate = rateOf(lease)
  const gpus = ledger.of(lease.leaseId)?.gpuAddresses ?? []
  return {
    cpu: cpuLimits(unitsOf(await offer(), lease), lease.terms.vcpus, false),
    ...(rate === null || shaper.mode !== 'libvirt' ? {} : { bandwidth: { inbound: rate, outbound: rate } }),
    ...(gpus.length === 0 ? {} : { gpus }),
  }
}

export const amountsOf = (offer: NodeOffer, lease: Lease): Amounts => ({
  pointUnits: lease.terms.vcpus * unitsOf(offer, lease),
  memoryMiB: lease.terms.memoryMiB,
  diskGiB: lease.terms.diskGiB,
  gpus: lease.terms.gpus,
})

export const roomOf = async (
  { hypervisor, machine, resources }: Pick<Deps, 'hypervisor' | 'machine' | 'resources'>,
  { offered }: NodeOffer,
): Promise<Room> => {
  const { acceleration } = hypervisor.capabilities
  const { memoryMiB } = await machine.totals()
  return {
    offered,
    // Guests that are simulated take no memory of the machine.
    hostMemoryMiB: memoryMiB === null || acceleration === 'simulated' ? null : hostMemoryFor(memoryMiB),
    overheadMiB: OVERHEAD_MIB[acceleration],
    gpuAddresses: resources.gpuAddresses,
  }
}

/**
 * @param first whether the lease is not activated yet; an activated one has been promised its room, and is never refused.
 * @throws AgentError `does-not-fit`, which is final; `room-awaited` while a guest has the room that leaves, or is
 *   nowhere on the chain; `tier-unknown`.
 */
export const reserve = async (deps: Deps, lease: Lease, first: boolean): Promise<void> => {
  const { ledger } = deps.resources
  const offer = await deps.resources.offer()
  const room = await roomOf(deps, offer)
  const wanted = amountsOf(offer, lease)
  if (ledger.reserve(lease.leaseId, wanted, room, false) === null) return
  await freeNowhere(deps)
  const short = ledger.reserve(lease.leaseId, wanted, room, false)
  if (short === null) return
  // The chain gives room away again when a lease ends; here it is free once that is final and the guest is gone. That
  // goes for a lease that is promised its room too: one whose end was taken back finds others on their way out.
  const { leases } = deps.chain.snapshot()
  // One that the chain no longer shows here, after a reorg, is not known to stay either. While its guest is at work it is
  // waited for: until the chain shows it again, or the person who is told of it has looked. Beside it memory would be
  // given twice, and on absence alone nobody's guest is stopped.
  const stays = (leaseId: Hex) =>
    isShown(deps.chain, leaseId) && leases.get(leaseId)?.latest?.status !== 'Ended'
  const staying = ledger.all().filter(({ leaseId }) => stays(leaseId))
  if (shortage(room, staying, wanted) === null) {
    throw new AgentError(
      'room-awaited',
      'The room for the guest is still taken by one whose lease is over, or is not on the chain at the moment; it is set up when that one is gone.',
    )
  }
  if (first) throw new AgentError('does-not-fit', short)
  ledger.reserve(lease.leaseId, wanted, room, true)
}

/** What is free at this moment, whoever took the rest. @throws AgentError `memory-low`, `disk-low`: they may pass. */
export const checkSpare = async (
  { machine, hypervisor }: Pick<Deps, 'machine' | 'hypervisor'>,
  terms: { memoryMiB: number },
  newDisk: boolean,
): Promise<void> => {
  if (hypervisor.capabilities.acceleration !== 'simulated') {
    const free = await machine.availableMemoryMiB()
    if (free < terms.memoryMiB) {
      throw new AgentError(
        'memory-low',
        `The guest needs ${terms.memoryMiB} MiB of memory; the node has ${Math.floor(free)} MiB free at the moment.`,
      )
    }
  }
  if (!newDisk) return
  const [freeBytes, { diskBytes }] = await Promise.all([machine.availableDiskBytes(), machine.totals()])
  const reserveBytes = machine.diskReserveBytes
  if (spaceLevel({ freeBytes, totalBytes: diskBytes ?? freeBytes, reserveBytes }) !== 'ok') {
    throw new AgentError(
      'disk-low',
      'The disks of the node are nearly full: nothing new is set up until they are not.',
    )
  }
}
