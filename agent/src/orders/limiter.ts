/** Keys remembered; the one that was quiet longest is forgotten. Strangers name any lease they like. */
const MOST = 10_000

/**
 * At most `perMinute` in a burst and on average, for each key.
 * @returns whether one more may pass; if so it is counted.
 */
export const makeLimiter = (perMinute: number, nowMs: () => number) => {
  const buckets = new Map<string, { left: number; atMs: number }>()
  return (key: string): boolean => {
    const now = nowMs()
    const bucket = buckets.get(key) ?? { left: perMinute, atMs: now }
    const refilled = bucket.left + (Math.max(0, now - bucket.atMs) * perMinute) / 60_000
    const left = Math.min(perMinute, refilled)
    buckets.delete(key)
    buckets.set(key, { left: left >= 1 ? left - 1 : left, atMs: now })
    if (buckets.size > MOST) buckets.delete(buckets.keys().next().value!)
    return left >= 1
  }
}
