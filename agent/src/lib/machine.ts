import { readFile, statfs } from 'node:fs/promises'
import type { Machine } from '../reconcile/ports.ts'
import { AgentError } from './errors.ts'

/** @param diskDir where the disks of guests lie. */
export const makeMachine = (diskDir: string): Machine => ({
  availableMemoryMiB: async () => {
    // MemAvailable, not MemFree: what the kernel could give without swapping, caches counted in.
    const match = /^MemAvailable:\s+(\d+) kB$/m.exec(await readFile('/proc/meminfo', 'utf8'))
    if (match === null)
      throw new AgentError('meminfo-unreadable', 'The kernel does not say how much memory is free.')
    return Number(match[1]) / 1024
  },
  availableDiskBytes: async () => {
    const { bavail, bsize } = await statfs(diskDir)
    return bavail * bsize
  },
})
