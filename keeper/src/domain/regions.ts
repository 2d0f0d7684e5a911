import type { ListedNode } from './listing.ts'
import { regionText } from './node.ts'

type Region = {
  region: string
  nodes: number
  active: number
  online: number
  pointUnits: bigint
  freePointUnits: bigint
  memoryMiB: bigint
  freeMemoryMiB: bigint
  diskGiB: bigint
  freeDiskGiB: bigint
  gpus: number
  freeGpus: number
}

const empty = (region: string): Region => ({
  ...{ region, nodes: 0, active: 0, online: 0, gpus: 0, freeGpus: 0 },
  ...{ pointUnits: 0n, freePointUnits: 0n, memoryMiB: 0n, freeMemoryMiB: 0n, diskGiB: 0n, freeDiskGiB: 0n },
})

/** What active nodes offer, by region; nodes are counted whether active or not. In alphabetical order. */
export const regionsOf = (nodes: readonly ListedNode[]): Region[] => {
  const regions = new Map<string, Region>()
  for (const { region: word, active, online, capacity, free } of nodes) {
    const name = regionText(word)
    const region = regions.get(name) ?? empty(name)
    regions.set(name, region)
    region.nodes += 1
    if (online === true) region.online += 1
    if (!active) continue
    region.active += 1
    region.pointUnits += capacity.pointUnits
    region.freePointUnits += free.pointUnits
    region.memoryMiB += capacity.memoryMiB
    region.freeMemoryMiB += free.memoryMiB
    region.diskGiB += capacity.diskGiB
    region.freeDiskGiB += free.diskGiB
    region.gpus += capacity.gpus
    region.freeGpus += free.gpus
  }
  return [...regions.values()].sort((a, b) => (a.region < b.region ? -1 : 1))
}
