// What a node has to give, and whether one more guest fits. Pure; why it is so: docs/decisions/0014.
import type { Hex } from 'viem'

/** What one guest takes, or a node offers: point-units (12 are a compute point), MiB, GiB, whole GPUs. */
export type Amounts = {
  readonly pointUnits: number
  readonly memoryMiB: number
  readonly diskGiB: number
  readonly gpus: number
}

/** What is set aside for a lease, from before its first step until it is gone from the node. */
export type Reservation = Amounts & {
  readonly leaseId: Hex
  /** PCI addresses, as many as `gpus`. */
  readonly gpuAddresses: readonly string[]
}

/** The room for guests: what was registered, and what the machine itself can hold. */
export type Room = {
  readonly offered: Amounts
  /** MiB that guests and what runs them may take together; null when the machine does not say, or has no part in it. */
  readonly hostMemoryMiB: number | null
  /** MiB that the process of each guest takes besides the guest's own memory. */
  readonly overheadMiB: number
  readonly gpuAddresses: readonly string[]
}

/**
 * MiB a QEMU process takes besides its guest's memory, rounded up from what was measured: its own code and buffers, and
 * under emulation the cache of translated code.
 */
export const OVERHEAD_MIB = { kvm: 128, tcg: 320, simulated: 0 } as const

/** What the host keeps for itself: the system, libvirt and this agent; a little more where page tables are larger. */
export const hostMemoryFor = (totalMiB: number): number =>
  Math.max(0, Math.floor(totalMiB - Math.max(512, totalMiB / 50)))

const NAMES = {
  pointUnits: ['compute', 'point-units'],
  memoryMiB: ['memory', 'MiB'],
  diskGiB: ['disk', 'GiB'],
  gpus: ['GPUs', 'in all'],
} as const
type Resource = keyof typeof NAMES

/** @returns null when the guest fits beside those that hold a reservation, else one sentence that says what is short. */
export const shortage = (room: Room, held: readonly Reservation[], wanted: Amounts): string | null => {
  for (const resource of Object.keys(NAMES) as Resource[]) {
    const taken = sum(held, (one) => one[resource])
    if (taken + wanted[resource] > room.offered[resource]) {
      return short(resource, wanted[resource], taken, room.offered[resource])
    }
  }
  if (wanted.gpus > freeGpus(room, held).length) {
    return `The guest needs ${wanted.gpus} GPUs; the node has ${freeGpus(room, held).length} that no other guest holds.`
  }
  const needed = wanted.memoryMiB + room.overheadMiB
  const used = sum(held, (one) => one.memoryMiB + room.overheadMiB)
  if (room.hostMemoryMiB !== null && used + needed > room.hostMemoryMiB) {
    return `The guest needs ${needed} MiB of memory with its overhead; the machine has ${room.hostMemoryMiB} MiB for guests, ${used} taken.`
  }
  return null
}

const short = (resource: Resource, wanted: number, taken: number, offered: number): string => {
  const [name, unit] = NAMES[resource]
  return `The guest needs ${wanted} ${unit} of ${name}; the node offers ${offered}, of which ${taken} are taken.`
}

/** Addresses that no lease holds, in the order of the configuration. */
export const freeGpus = (
  room: Pick<Room, 'gpuAddresses'>,
  held: readonly Reservation[],
): readonly string[] => {
  const taken = new Set(held.flatMap(({ gpuAddresses }) => gpuAddresses))
  return room.gpuAddresses.filter((address) => !taken.has(address))
}

/** What was registered but is not there: the node would promise what it cannot hold. Sentences for the operator. */
export const overRegistered = (room: Room, diskGiB: number | null): readonly string[] => [
  ...(room.hostMemoryMiB !== null && room.offered.memoryMiB > room.hostMemoryMiB
    ? [
        `${room.offered.memoryMiB} MiB of memory are registered; this machine has ${room.hostMemoryMiB} for guests.`,
      ]
    : []),
  ...(diskGiB !== null && room.offered.diskGiB > diskGiB
    ? [`${room.offered.diskGiB} GiB of disk are registered; this machine has ${diskGiB}.`]
    : []),
  ...(room.offered.gpus > room.gpuAddresses.length
    ? [
        `${room.offered.gpus} GPUs are registered; ${room.gpuAddresses.length} are named in the configuration.`,
      ]
    : []),
]

const sum = <T>(all: readonly T[], of: (one: T) => number): number =>
  all.reduce((total, one) => total + of(one), 0)
