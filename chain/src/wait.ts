import { setTimeout as delay } from 'node:timers/promises'

/** Waits `ms`, or less when `signal` aborts; never throws. */
export const pause = async (ms: number, signal: AbortSignal): Promise<void> => {
  try {
    await delay(ms, undefined, { signal, ref: true })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** Full jitter: uniform in (0, min(cap, base·2^attempt)], so that many followers do not return in step. */
export const backoffMs = (attempt: number, baseMs: number, capMs: number): number =>
  Math.ceil(Math.random() * Math.min(capMs, baseMs * 2 ** attempt))

/** Runs async work one at a time, in the order it was asked for; a failure does not hold up the next. */
export const makeMutex = () => {
  let tail: Promise<unknown> = Promise.resolve()
  return <result>(work: () => Promise<result>): Promise<result> => {
    const run = tail.then(work, work)
    tail = run.catch(() => undefined)
    return run
  }
}
