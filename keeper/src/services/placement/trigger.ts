import type { Follower } from '@decloud/chain'

/** Resolves when the feed has changed since the last time it was asked, or `everyMs` have passed, or `signal` aborts. */
export const makeTrigger = (follower: Pick<Follower, 'onChange'>, everyMs: number, signal: AbortSignal) => {
  let changed = true
  let wake = () => {}
  const stop = follower.onChange((change) => {
    if (change.kind === 'finalized') return
    changed = true
    wake()
  })
  return {
    next: (): Promise<void> =>
      new Promise((resolve) => {
        const finish = () => {
          clearTimeout(timer)
          signal.removeEventListener('abort', finish)
          wake = () => {}
          changed = false
          resolve()
        }
        const timer = setTimeout(finish, everyMs)
        signal.addEventListener('abort', finish, { once: true })
        wake = finish
        if (changed || signal.aborted) finish()
      }),
    close: stop,
  }
}
