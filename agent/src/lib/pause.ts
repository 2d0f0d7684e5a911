import { setTimeout as delay } from 'node:timers/promises'

/** Waits, or less when `signal` aborts; never throws. */
export const pause = async (ms: number, signal: AbortSignal): Promise<void> => {
  await delay(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}
