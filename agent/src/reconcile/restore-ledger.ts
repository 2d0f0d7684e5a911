// The ledger against the world, at start: a crash may have come between an end and its booking, a database may be lost
// while its guests run on. What is on the machine or promised on the chain takes room, whether it was booked or not.
import { UNITS_PER_POINT } from '@decloud/protocol'
import type { Hex } from 'viem'
import { type Amounts, overRegistered } from '../domain/capacity.ts'
import type { Deps } from './ports.ts'
import { amountsOf, type NodeOffer, roomOf } from './resources.ts'

const GIB = 1024 ** 3

export const restoreLedger = async (deps: Deps): Promise<void> => {
  const { ledger } = deps.resources
  const offer = await deps.resources.offer()
  const room = await roomOf(deps, offer)
  const domains = new Set((await deps.hypervisor.list()).map(({ leaseId }) => leaseId))
  const { leases } = deps.chain.snapshot()
  const isActive = (leaseId: Hex) => {
    const lease = leases.get(leaseId)?.latest
    return lease?.status === 'Active' && lease.node === deps.chain.node
  }
  const isOver = (leaseId: Hex) => {
    const vm = deps.store.get(leaseId)
    return vm === null ? !domains.has(leaseId) : vm.status === 'Deleted' || vm.refused
  }
  for (const { leaseId } of ledger.all()) {
    if (isOver(leaseId) && !isActive(leaseId)) ledger.release(leaseId)
  }
  for (const leaseId of new Set([...domains, ...leases.keys()])) {
    if (ledger.of(leaseId) !== null || !(isActive(leaseId) || (domains.has(leaseId) && !isOver(leaseId))))
      continue
    const amounts = await amountsHere(deps, offer, leaseId)
    // What is not on the machine may wait until it is set up: by then whoever has its room now may have left.
    if (ledger.reserve(leaseId, amounts, room, domains.has(leaseId)) !== null) continue
    deps.log.info({ leaseId, ...amounts }, 'a guest that was not booked takes its room')
  }
  await warnOfOverRegistration(deps, room)
}

/** By the lease where the chain shows it; else by the domain, at most as much as its vCPUs can stand for. */
const amountsHere = async (deps: Deps, offer: NodeOffer, leaseId: Hex): Promise<Amounts> => {
  const lease = deps.chain.snapshot().leases.get(leaseId)?.latest
  if (lease !== undefined) return amountsOf(offer, lease)
  const { vcpus, memoryMiB } = await deps.hypervisor.sizeOf(leaseId)
  return { pointUnits: vcpus * Number(UNITS_PER_POINT), memoryMiB, diskGiB: 0, gpus: 0 }
}

const warnOfOverRegistration = async (deps: Deps, room: Parameters<typeof overRegistered>[0]) => {
  if (deps.hypervisor.capabilities.acceleration === 'simulated') return
  const { diskBytes } = await deps.machine.totals()
  const diskGiB = diskBytes === null ? null : Math.floor(diskBytes / GIB)
  for (const sentence of overRegistered(room, diskGiB)) {
    deps.log.warn({ node: deps.chain.node }, `${sentence} Leases beyond what is there will be refused.`)
  }
}
