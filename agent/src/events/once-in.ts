/** Says of each key whether it is news: the first time, and again after `ms`. Holds a bounded number of keys. */
export const makeOnceIn = (ms: number, nowMs: () => number, most = 1_000) => {
  const last = new Map<string, number>()
  return (key: string): boolean => {
    const now = nowMs()
    const before = last.get(key)
    if (before !== undefined && Math.abs(now - before) < ms) return false
    last.delete(key)
    last.set(key, now)
    const [oldest] = last.keys()
    if (last.size > most && oldest !== undefined) last.delete(oldest)
    return true
  }
}
