// Records → what a beat says of the guests.
import { type Beat, MAX_BEAT_LEASES } from '@decloud/protocol/wire/heartbeat'
import { leaseReport } from '../api/report.ts'
import { overall } from '../domain/readiness.ts'
import type { VmRecord } from '../domain/vm.ts'

type Service = Beat['leases'][number]

const isHere = ({ status }: VmRecord) => status !== 'Deleting' && status !== 'Deleted'

const serviceOf = (vm: VmRecord): Service => {
  const [system, ...services] = leaseReport(vm).readiness
  const state = overall(system?.state ?? 'Pending', services)
  // What a guest reported before it was stopped says nothing of now.
  const stopped = system?.state === 'Ready' && vm.status !== 'Running'
  return { leaseId: vm.leaseId, state: stopped ? 'Pending' : state }
}

const byId = (a: Service, b: Service) => (a.leaseId < b.leaseId ? -1 : 1)

/** Of more guests than fit, those that are not ready are named first. */
export const servicesOf = (vms: readonly VmRecord[]): Pick<Beat, 'leases' | 'omitted'> => {
  const services = vms.filter(isHere).map(serviceOf)
  const urgent = services.sort(
    (a, b) => Number(a.state === 'Ready') - Number(b.state === 'Ready') || byId(a, b),
  )
  return {
    leases: urgent.slice(0, MAX_BEAT_LEASES).sort(byId),
    omitted: Math.max(services.length - MAX_BEAT_LEASES, 0),
  }
}

const MOST = 2 ** 32 - 1
const BYTES_PER_GIB = 2 ** 30

export const freeOf = (memoryMiB: number, diskBytes: number): Beat['free'] => ({
  memoryMiB: Math.min(Math.floor(memoryMiB), MOST),
  diskGiB: Math.min(Math.floor(diskBytes / BYTES_PER_GIB), MOST),
})
