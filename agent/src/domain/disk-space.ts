// How full the disks may become. Overlays are thin: what tenants were promised may exceed what they have written so far,
// so the free space is watched as well as the promises. Pure.

const GIB = 1024 ** 3

/** ok; low: nothing new is provisioned; critical: guests may soon be paused at a write, and the operator must act. */
export type SpaceLevel = 'ok' | 'low' | 'critical'

export type DiskSpace = {
  readonly freeBytes: number
  readonly totalBytes: number
  /** What is to stay free on a large disk. */
  readonly reserveBytes: number
}

// A part of the disk on small ones, a fixed size on large ones: what is left must outlast an operator's night.
const LOW = { part: 0.1, ofReserve: 1 }
const CRITICAL = { part: 0.03, ofReserve: 0.25 }

/** GiB of the reserve: where nobody sells room, nobody's night has to be outlasted. */
const RESERVE_GIB = { production: 20, development: 2 }

export const reserveBytesOf = (givenGiB: number | undefined, development: boolean): number =>
  (givenGiB ?? RESERVE_GIB[development ? 'development' : 'production']) * GIB

export const spaceLevel = ({ freeBytes, totalBytes, reserveBytes }: DiskSpace): SpaceLevel => {
  const under = ({ part, ofReserve }: typeof LOW) =>
    freeBytes < Math.min(part * totalBytes, ofReserve * reserveBytes)
  if (under(CRITICAL)) return 'critical'
  return under(LOW) ? 'low' : 'ok'
}

export type Growth = { readonly leaseId: `0x${string}`; readonly bytes: number }

/** @returns the disks that grew since they were last looked at, the fastest first, `most` at most. */
export const grown = (
  before: ReadonlyMap<`0x${string}`, number>,
  now: ReadonlyMap<`0x${string}`, number>,
  most = 5,
): readonly Growth[] =>
  [...now]
    .map(([leaseId, bytes]) => ({ leaseId, bytes: bytes - (before.get(leaseId) ?? bytes) }))
    .filter(({ bytes }) => bytes > 0)
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, most)
