import type { Hex } from 'viem'
import type { DomainRecord } from '../ports/hypervisor.ts'
import type { DiskRecord } from '../ports/storage.ts'
import type { Deps } from './ports.ts'

type Observed = { domain: DomainRecord | null; disk: DiskRecord | null; seed: boolean }
export type Machinery = { of(leaseId: Hex): Observed; leaseIds(): ReadonlySet<Hex> }

/** What is on the machine, for all leases. Rejects as a whole: a part that cannot be read is not "absent". */
const observe = async ({ hypervisor, disks, seeds }: Deps): Promise<Machinery> => {
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

/**
 * Looks for many at once. Whoever asks while a look is under way shares the next one, not that one: every answer was
 * begun after its question, so nobody acts on what was true before their own last step.
 */
export const makeLook = (deps: Deps): (() => Promise<Machinery>) => {
  let current: Promise<unknown> | null = null
  let next: Promise<Machinery> | null = null
  const begin = () => {
    next = null
    const looking = observe(deps)
    const over: Promise<unknown> = looking.then(ignore, ignore).then(() => {
      if (current === over) current = null
    })
    current = over
    return looking
  }
  return () => {
    if (current === null) return begin()
    next ??= current.then(begin)
    return next
  }
}

const ignore = () => {} // a look that fails is the business of those who asked for it

/** The disk in use counts; among quarantined ones the oldest, which is purged first. */
const precedes = (a: DiskRecord, b: DiskRecord): boolean =>
  b.quarantinedAt !== null && (a.quarantinedAt === null || a.quarantinedAt < b.quarantinedAt)
