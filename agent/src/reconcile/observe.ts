import type { Hex } from 'viem'
import type { DomainRecord } from '../ports/hypervisor.ts'
import type { DiskRecord } from '../ports/storage.ts'
import type { Deps } from './ports.ts'

type Observed = { domain: DomainRecord | null; disk: DiskRecord | null; seed: boolean }
export type Machinery = { of(leaseId: Hex): Observed; leaseIds(): ReadonlySet<Hex> }

/** What is on the machine now, for all leases. Rejects as a whole: a part that cannot be read is not "absent". */
export const observe = async ({ hypervisor, disks, seeds }: Deps): Promise<Machinery> => {
  const [domainList, diskList, seedList] = await Promise.all([hypervisor.list(), disks.list(), seeds.list()])
  const domains = new Map(domainList.map((domain) => [domain.leaseId, domain]))
  const seedSet = new Set(seedList)
  const byLease = new Map<Hex, DiskRecord>()
  for (const disk of diskList) {
    const known = byLease.get(disk.leaseId)
    if (known === undefined || precedes(disk, known)) byLease.set(disk.leaseId, disk)
  }
  return {
    of: (leaseId) => ({
      domain: domains.get(leaseId) ?? null,
      disk: byLease.get(leaseId) ?? null,
      seed: seedSet.has(leaseId),
    }),
    leaseIds: () => new Set([...domains.keys(), ...byLease.keys(), ...seedSet]),
  }
}

/** The disk in use counts; among quarantined ones the oldest, which is purged first. */
const precedes = (a: DiskRecord, b: DiskRecord): boolean =>
  b.quarantinedAt !== null && (a.quarantinedAt === null || a.quarantinedAt < b.quarantinedAt)
