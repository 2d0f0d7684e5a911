// Finds the loop that never came back: each round says when it begins and must end within its deadline.

type Overdue = { name: string; forMs: number }
export type Watchdog = {
  /** Runs one round under watch. A round may begin while an older one of the same name is still under way. */
  watch<result>(name: string, deadlineMs: number, round: () => Promise<result>): Promise<result>
  /** Rounds past their deadline, the longest first. */
  overdue(): Overdue[]
  /** Rounds that ended, by name: progress, for whoever compares. */
  finished(): ReadonlyMap<string, { rounds: number; failures: number; lastMs: number; at: number }>
}

/** @param now milliseconds, never going back. */
export const makeWatchdog = (now: () => number = () => performance.now()): Watchdog => {
  type Round = { name: string; began: number; deadlineMs: number }
  const underway = new Set<Round>()
  const ended = new Map<string, { rounds: number; failures: number; lastMs: number; at: number }>()
  const end = (round: Round, failed: boolean) => {
    underway.delete(round)
    const before = ended.get(round.name)
    ended.set(round.name, {
      rounds: (before?.rounds ?? 0) + 1,
      failures: (before?.failures ?? 0) + (failed ? 1 : 0),
      lastMs: now() - round.began,
      at: now(),
    })
  }
  return {
    watch: async (name, deadlineMs, work) => {
      const round = { name, began: now(), deadlineMs }
      underway.add(round)
      let failed = true
      try {
        const result = await work()
        failed = false
        return result
      } finally {
        end(round, failed)
      }
    },
    overdue: () =>
      [...underway]
        .map(({ name, began, deadlineMs }) => ({
          name,
          forMs: now() - began,
          late: now() - began - deadlineMs,
        }))
        .filter(({ late }) => late > 0)
        .sort((a, b) => b.forMs - a.forMs)
        .map(({ name, forMs }) => ({ name, forMs })),
    finished: () => ended,
  }
}
