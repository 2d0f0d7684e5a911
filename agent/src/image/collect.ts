// Which images are forgotten when room is needed.
export type Candidate = {
  readonly id: string
  readonly bytes: number
  readonly lastUsedMs: number
  /** A disk stands on it, in use or in quarantine. */
  readonly inUse: boolean
}

/**
 * Pure. The longest unused first, until `bytes` are reached. Never one that a disk stands on, nor one used within
 * `graceMs`: a lease that was just given it is about to make its disk.
 */
export const toForget = <candidate extends Candidate>(
  candidates: readonly candidate[],
  { bytes, nowMs, graceMs }: { bytes: number; nowMs: number; graceMs: number },
): readonly candidate[] => {
  const free = candidates
    .filter(({ inUse, lastUsedMs }) => !inUse && nowMs - lastUsedMs >= graceMs)
    .sort((a, b) => a.lastUsedMs - b.lastUsedMs)
  let reached = 0
  return free.filter((one) => {
    if (reached >= bytes) return false
    reached += one.bytes
    return true
  })
}
