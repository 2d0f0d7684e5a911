/** Sources remembered at most; the one that was quiet longest is forgotten. */
const MAX_SOURCES = 10_000

/**
 * How often a source may fail: `burst` times at once, then once every `everyMs`. What succeeds costs nothing, so nobody
 * can use up the allowance of somebody else who behaves.
 */
export const makeAllowance = (options: { burst: number; everyMs: number; now: () => number }) => {
  const { burst, everyMs, now } = options
  /** When a source's allowance will be whole again, unix milliseconds. */
  const wholeAt = new Map<string, number>()
  const debtOf = (source: string) => Math.max((wholeAt.get(source) ?? 0) - now(), 0)
  return {
    isSpent: (source: string): boolean => debtOf(source) > (burst - 1) * everyMs,
    spend: (source: string): void => {
      const at = now() + Math.min(debtOf(source) + everyMs, burst * everyMs)
      wholeAt.delete(source)
      wholeAt.set(source, at)
      if (wholeAt.size > MAX_SOURCES) wholeAt.delete(wholeAt.keys().next().value!)
    },
  }
}
