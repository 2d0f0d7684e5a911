import { setTimeout as delay } from 'node:timers/promises'

/** Time and chance as loops see them, so that a test can have both in its hand. */
export type Pace = {
  /** Unix milliseconds. */
  now(): number
  /** Waits `ms`, or less when `signal` aborts; never throws. */
  pause(ms: number, signal: AbortSignal): Promise<void>
  /** Uniform in [0, 1). */
  random(): number
}

/** Waits `ms`, or less when `signal` aborts; never throws. */
export const pause = async (ms: number, signal: AbortSignal): Promise<void> => {
  try {
    await delay(ms, undefined, { signal, ref: true })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

export const realPace: Pace = { now: Date.now, pause, random: Math.random }

/** Full jitter: uniform in (0, min(cap, base·2^attempt)], so that many followers do not return in step. */
export const backoffMs = (attempt: number, baseMs: number, capMs: number, random = Math.random): number =>
  Math.ceil(random() * Math.min(capMs, baseMs * 2 ** attempt))

/** Runs async work one at a time, in the order it was asked for; a failure does not hold up the next. */
export const makeMutex = () => {
  let tail: Promise<unknown> = Promise.resolve()
  return <result>(work: () => Promise<result>): Promise<result> => {
    const run = tail.then(work, work)
    tail = run.catch(() => undefined)
    return run
  }
}
