import { setTimeout as delay } from 'node:timers/promises'

/** Runs `work`, waits `everyMs`, again, until `signal` aborts; a failure goes to `onError` and does not end the loop. */
export const repeat = async (
  work: () => Promise<unknown>,
  everyMs: number,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): Promise<void> => {
  while (!signal.aborted) {
    try {
      await work()
    } catch (error) {
      if (!signal.aborted) onError(error)
    }
    await pause(everyMs, signal)
  }
}

/** Waits, or less when `signal` aborts; never throws. */
export const pause = async (ms: number, signal: AbortSignal): Promise<void> => {
  await delay(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}

/** Whoever asks while `work` is under way gets the result of that. */
export const oneAtATime = <result>(work: () => Promise<result>): (() => Promise<result>) => {
  let underway: Promise<result> | null = null
  return () => {
    underway ??= work().finally(() => {
      underway = null
    })
    return underway
  }
}
