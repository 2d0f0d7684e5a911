// One piece of work for all who want it: begun by the first, shared by the rest, ended soon after the last has gone.

type Flight<result, progress> = {
  readonly work: Promise<result>
  readonly stop: AbortController
  readonly listeners: Set<(progress: progress) => void>
  waiters: number
  lingering: NodeJS.Timeout | undefined
}

/** @param lingerMs how long the work goes on with nobody waiting: who looks in again soon finds it where it was. */
export const makeSingleFlight = <result, progress>(lingerMs: number) => {
  const flights = new Map<string, Flight<result, progress>>()

  const begin = (
    key: string,
    work: (signal: AbortSignal, onProgress: (progress: progress) => void) => Promise<result>,
  ) => {
    const stop = new AbortController()
    const listeners = new Set<(progress: progress) => void>()
    const emit = (progress: progress) => {
      for (const listener of [...listeners]) listener(progress)
    }
    const running = work(stop.signal, emit).finally(() => {
      clearTimeout(flights.get(key)?.lingering)
      flights.delete(key)
    })
    running.catch(() => {}) // it may end while nobody waits; whoever asks next begins it anew and hears why
    const flight: Flight<result, progress> = {
      work: running,
      stop,
      listeners,
      waiters: 0,
      lingering: undefined,
    }
    flights.set(key, flight)
    return flight
  }

  /** Rejects with `signal`'s reason when this caller gives up; the work itself goes on for the others. */
  const join = async (
    key: string,
    work: (signal: AbortSignal, onProgress: (progress: progress) => void) => Promise<result>,
    { signal, onProgress }: { signal?: AbortSignal; onProgress?: (progress: progress) => void } = {},
  ): Promise<result> => {
    signal?.throwIfAborted()
    const flight = flights.get(key) ?? begin(key, work)
    clearTimeout(flight.lingering)
    flight.waiters += 1
    if (onProgress) flight.listeners.add(onProgress)
    let onAbort: (() => void) | undefined
    try {
      if (signal === undefined) return await flight.work
      const left = new Promise<never>((_, reject) => {
        onAbort = () => reject(signal.reason)
        signal.addEventListener('abort', onAbort, { once: true })
      })
      return await Promise.race([flight.work, left])
    } finally {
      if (onAbort) signal?.removeEventListener('abort', onAbort)
      if (onProgress) flight.listeners.delete(onProgress)
      flight.waiters -= 1
      if (flight.waiters === 0 && flights.get(key) === flight) {
        flight.lingering = setTimeout(() => flight.stop.abort(new Error('nobody waits for it')), lingerMs)
      }
    }
  }

  /** Stops all work and waits until it has let go of what it held. */
  const close = async () => {
    const running = [...flights.values()]
    for (const flight of running) {
      clearTimeout(flight.lingering)
      flight.stop.abort(new Error('closing'))
    }
    await Promise.allSettled(running.map(({ work }) => work))
  }

  return { join, close }
}
