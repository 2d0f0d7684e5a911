import type { Hex } from 'viem'
import type { DomainRecord } from '../ports/hypervisor.ts'
import type { DiskRecord } from '../ports/storage.ts'
import type { Deps } from './ports.ts'

type Observed = {
  domain: DomainRecord | null
  /** The disk in use. */
  disk: DiskRecord | null
  /** Those in quarantine, the newest first. */
  aside: readonly DiskRecord[]
  seed: boolean
  keys: boolean
}
export type Machinery = { of(leaseId: Hex): Observed; leaseIds(): ReadonlySet<Hex> }

/** What is on the machine, for all leases. Rejects as a whole: a part that cannot be read is not "absent". */
const observe = async ({ hypervisor, disks, seeds, keys }: Deps): Promise<Machinery> => {
  const [domainList, diskList, seedList, keyList] = await Promise.all([
    hypervisor.list(),
    disks.list(),
    seeds.list(),
    keys.list(),
  ])
  const domains = new Map(domainList.map((domain) => [domain.leaseId, domain]))
  const seedSet = new Set(seedList)
  const keySet = new Set(keyList)
  const disksOf = Map.groupBy(diskList, ({ leaseId }) => leaseId)
  return {
    of: (leaseId) => ({
      domain: domains.get(leaseId) ?? null,
      disk: disksOf.get(leaseId)?.find(({ quarantinedAt }) => quarantinedAt === null) ?? null,
      aside: (disksOf.get(leaseId) ?? [])
        .filter(({ quarantinedAt }) => quarantinedAt !== null)
        .sort((a, b) => (b.quarantinedAt ?? 0) - (a.quarantinedAt ?? 0)),
      seed: seedSet.has(leaseId),
      keys: keySet.has(leaseId),
    }),
    leaseIds: () => new Set([...domains.keys(), ...disksOf.keys(), ...seedSet, ...keySet]),
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
