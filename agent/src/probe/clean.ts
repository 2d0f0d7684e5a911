import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tryLock } from '../lib/file-lock.ts'
import type { Hypervisor } from '../ports/hypervisor.ts'
import { type ProbeNames, probeNames } from './names.ts'

/**
 * Removes all that probes on this data folder have made. Safe to repeat; the caller holds the lock.
 * @throws HypervisorError when the hypervisor does not do it: the folder then stays, as a sign for the next time.
 */
export const cleanProbe = async (
  hypervisor: Hypervisor,
  { network, folder }: ProbeNames,
): Promise<number> => {
  const guests = await hypervisor.list()
  for (const { leaseId } of guests) {
    await hypervisor.destroy(leaseId)
    await hypervisor.undefine(leaseId)
  }
  await hypervisor.removeNetwork(network)
  await rm(folder, { recursive: true, force: true })
  return guests.length
}

/**
 * What a probe that was killed has left. One that is under way is left alone.
 * @returns the guests that were removed; null when there was nothing to look at.
 */
export const sweepProbe = async (
  dataDir: string,
  open: (instance: string) => Promise<Hypervisor>,
): Promise<number | null> => {
  const names = probeNames(dataDir)
  if (!existsSync(names.folder)) return null
  const unlock = tryLock(names.lock)
  if (unlock === null) return null
  try {
    const hypervisor = await open(names.instance)
    try {
      return await cleanProbe(hypervisor, names)
    } finally {
      await hypervisor.close()
    }
  } finally {
    unlock()
  }
}
