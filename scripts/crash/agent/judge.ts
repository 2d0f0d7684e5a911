// What the leases explain, held against what is there. Pure.
import type { LeaseStatusReport } from '@decloud/protocol/wire/node'
import type { Hex } from 'viem'
import type { Guest, Picture } from './picture.ts'

/** What must be true of one lease once things have come to rest. */
export type Expected = {
  readonly leaseId: Hex
  readonly wanted: 'running' | 'off' | 'gone'
  /** Of its guest's network card. */
  readonly mac: string
  /** How often libvirt may have started it, all told. */
  readonly starts: { readonly least: number; readonly most: number }
  /** What must not have changed, or null where a restart was due. */
  readonly qemu: string | null
  readonly bootId: string | null
  /** Whether it has a disk to keep: one that was closed before it had any leaves none. */
  readonly disk: 'certain' | 'possible'
  /** Disks in quarantine while the lease lasts: one for each reinstallation. */
  readonly aside: number
}

export type Seen = {
  readonly picture: Picture
  /** The agent's own answer about each lease. */
  readonly reports: ReadonlyMap<Hex, LeaseStatusReport | null>
  /** By contract storage. */
  readonly active: ReadonlySet<Hex>
}

const STATUS_OF = { running: 'Running', off: 'Stopped' } as const
const NO_GUEST: Guest = { domains: [], qemu: null, starts: 0, bootId: null }
const short = (leaseId: Hex) => leaseId.slice(2, 10)

/** @param baseline what remained on the machine before the first lease. @returns one line for each thing that is wrong. */
export const differences = (
  expected: readonly Expected[],
  seen: Seen,
  baseline: readonly string[],
): readonly string[] => {
  const known = new Set(expected.map(({ leaseId }) => leaseId))
  const strangers = [...seen.picture.guests.keys()].filter((leaseId) => !known.has(leaseId))
  return [
    ...strangers.map((leaseId) => `a guest of no lease: ${leaseId}`),
    ...expected.flatMap((lease) => ofLease(lease, seen)),
    ...ofRemains(expected, seen.picture.remains, baseline),
  ]
}

const ofLease = (lease: Expected, { picture, reports, active }: Seen): readonly string[] => {
  const { leaseId, wanted, starts } = lease
  const guest = picture.guests.get(leaseId) ?? NO_GUEST
  const say = (text: string) => `${short(leaseId)}: ${text}`
  const wrong: string[] = []
  if (guest.starts > starts.most)
    wrong.push(`started ${guest.starts} times, ${starts.most} at most are explained`)
  if (guest.domains.length > (wanted === 'gone' ? 0 : 1)) wrong.push(`${guest.domains.length} domains`)
  if (wanted === 'gone') {
    if (guest.qemu !== null) wrong.push(`its QEMU still runs (${guest.qemu})`)
    return wrong.map(say)
  }
  if (guest.domains.length === 0) wrong.push('has no domain')
  if (guest.starts < starts.least) wrong.push(`started ${guest.starts} times of ${starts.least}`)
  if (!active.has(leaseId)) wrong.push('is not active on chain')
  const status = reports.get(leaseId)?.vm.status ?? 'unknown'
  if (status !== STATUS_OF[wanted]) wrong.push(`its agent says ${status}`)
  if (wanted === 'off') {
    if (guest.qemu !== null) wrong.push(`is on (${guest.qemu}) against its tenant's order`)
    return wrong.map(say)
  }
  if (guest.qemu === null) wrong.push('its QEMU does not run')
  else if (lease.qemu !== null && guest.qemu !== lease.qemu)
    wrong.push(`QEMU ${guest.qemu}, not ${lease.qemu}`)
  if (guest.bootId === null) wrong.push('its guest does not answer')
  else if (lease.bootId !== null && guest.bootId !== lease.bootId) wrong.push('was booted again')
  return wrong.map(say)
}

const ofRemains = (
  expected: readonly Expected[],
  remains: readonly string[],
  baseline: readonly string[],
): readonly string[] => {
  const left = [...remains]
  const missing: string[] = []
  const take = (line: string, must: boolean) => {
    const at = left.indexOf(line)
    if (at >= 0) left.splice(at, 1)
    else if (must) missing.push(line)
  }
  for (const line of baseline) take(line, true)
  for (const lease of expected) {
    const id = short(lease.leaseId)
    for (let nth = 0; nth < lease.aside; nth++) take(`disks ${id}.quarantine`, true)
    if (lease.wanted === 'gone') {
      take(`disks ${id}.quarantine`, lease.disk === 'certain')
      continue
    }
    for (const line of [`disks ${id}.qcow2`, `seeds ${id}.iso`, `reservation ${lease.mac}`]) take(line, true)
    if (lease.wanted === 'running')
      for (const line of [`cgroup ${id}`, `neighbour ${lease.mac}`]) take(line, true)
  }
  return [...left.map((line) => `unexplained: ${line}`), ...missing.map((line) => `missing: ${line}`)]
}
