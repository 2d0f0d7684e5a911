import { setTimeout as delay } from 'node:timers/promises'

/** Waits for `work`, but no longer than `deadlineMs`; what is not done by then goes on by itself. */
export const within = async (deadlineMs: number, work: Promise<unknown>): Promise<void> => {
  const abort = new AbortController()
  const timer = delay(deadlineMs, undefined, { signal: abort.signal }).catch((error: unknown) => {
    if (!abort.signal.aborted) throw error
  })
  await Promise.race([work, timer])
  abort.abort()
}
