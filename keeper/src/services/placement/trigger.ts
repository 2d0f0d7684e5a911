import type { Follower } from '@decloud/chain'

/** Resolves when the feed has brought events since the last time it was asked, or `ms` have passed, or `signal` aborts. */
export const makeTrigger = (follower: Pick<Follower, 'onChange'>, signal: AbortSignal) => {
  let changed = true
  let wake = () => {}
  const stop = follower.onChange((change) => {
    if (change.kind === 'finalized' || change.events.length === 0) return
    changed = true
    wake()
  })
  return {
    next: (ms: number): Promise<void> =>
      new Promise((resolve) => {
        const finish = () => {
          clearTimeout(timer)
          signal.removeEventListener('abort', finish)
          wake = () => {}
          changed = false
          resolve()
        }
        const timer = setTimeout(finish, ms)
        signal.addEventListener('abort', finish, { once: true })
        wake = finish
        if (changed || signal.aborted) finish()
      }),
    close: stop,
  }
}
