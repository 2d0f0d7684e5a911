import { readFile, statfs } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import type { Machine } from '../reconcile/ports.ts'
import { AgentError } from './errors.ts'

/** @param diskDir where the disks of guests lie, and `diskReserveBytes` are to stay free. */
export const makeMachine = (diskDir: string, diskReserveBytes: number): Machine => ({
  diskReserveBytes,
  // MemAvailable, not MemFree: what the kernel could give without swapping, caches counted in.
  availableMemoryMiB: async () => {
    const free = await memoryMiB('MemAvailable')
    if (free !== null) return free
    throw new AgentError('meminfo-unreadable', 'The kernel does not say how much memory is free.')
  },
  availableDiskBytes: async () => {
    const { bavail, bsize } = await statfs(diskDir)
    return bavail * bsize
  },
  totals: async () => {
    const [memory, disk] = await Promise.all([
      memoryMiB('MemTotal').catch(unknown),
      statfs(diskDir).then(({ blocks, bsize }) => blocks * bsize, unknown),
    ])
    return { memoryMiB: memory, diskBytes: disk, cpus: availableParallelism() }
  },
})

/** What cannot be read is unknown, which is neither nothing nor plenty. */
const unknown = () => null

const memoryMiB = async (field: 'MemAvailable' | 'MemTotal'): Promise<number | null> => {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(await readFile('/proc/meminfo', 'utf8'))
  return match === null ? null : Number(match[1]) / 1024
}
