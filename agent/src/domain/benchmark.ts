// How a series of runs becomes one figure. Pure; why it is so: docs/decisions/0020.

/** One run of the processor's benchmark. */
export type CpuRun = {
  /** A second being one that the run had a core for. */
  readonly eventsPerSecond: number
  /** Of the time that passed, the part that it had a core for: less than 1 when others wanted it too. */
  readonly cpuShare: number
}

/** Before so many nothing is believed: a machine that clocks down does so after the first. */
export const LEAST_RUNS = 5
/** And no more than so many: about half a minute. */
export const MOST_RUNS = 30
/** The two best differ by so little when the machine shows what it can. */
const AGREE = 0.01
/** A run that had a core for less of its second cannot be told to one percent: the kernel counts in milliseconds. */
const MEASURABLE = 0.2

export type Verdict = { readonly eventsPerSecond: number; readonly steady: boolean }

/**
 * The best, since others can only make a run slower, by the caches and the clock that they share with it. It is steady
 * when another came close to it; of what never was, the best is told, and told to be unsteady.
 * @param runs at least one.
 */
export const verdictOf = (runs: readonly CpuRun[]): Verdict => {
  const counted = speeds(runs.filter(({ cpuShare }) => cpuShare >= MEASURABLE))
  const [best, second] = counted
  if (best !== undefined && second !== undefined) {
    return { eventsPerSecond: best, steady: counted.length >= LEAST_RUNS && second >= best * (1 - AGREE) }
  }
  return { eventsPerSecond: best ?? speeds(runs)[0] ?? 0, steady: false }
}

const speeds = (runs: readonly CpuRun[]) =>
  runs.map(({ eventsPerSecond }) => eventsPerSecond).sort((a, b) => b - a)

/** What is registered and what was measured may differ by so much before anybody is told. */
const TOLERANCE = 0.1

export type Comparison = 'same' | 'less' | 'more'

/** Of what was measured, against what is registered; both in point-units. */
export const comparePoints = (measured: number, registered: number): Comparison => {
  if (measured < registered * (1 - TOLERANCE)) return 'less'
  return measured > registered * (1 + TOLERANCE) ? 'more' : 'same'
}

/**
 * When it is measured again: so that the nodes of a rack do not all begin at once, a tenth earlier or later.
 * @param random uniform in [0, 1).
 */
export const nextBenchmarkMs = (lastMs: number, everyMs: number, random: number): number =>
  Math.round(lastMs + everyMs * (0.9 + 0.2 * random))
