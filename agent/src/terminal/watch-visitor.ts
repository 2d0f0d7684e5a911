import type { Visitor } from '../ports/visitor.ts'

const EVERY_MS = 30_000

/**
 * Asks every 30 s whether the visitor may still be there. `onGone` is called once, when he may not, or nobody can tell.
 * @returns the function that ends the watch.
 */
export const watchVisitor = (
  visitor: Pick<Visitor, 'still'>,
  onGone: () => void,
  everyMs: number = EVERY_MS,
): (() => void) => {
  let ended = false
  const ask = async () => {
    const still = await visitor.still().catch(() => false)
    if (ended) return
    if (still) timer = setTimeout(ask, everyMs)
    else {
      ended = true
      onGone()
    }
  }
  let timer = setTimeout(ask, everyMs)
  return () => {
    ended = true
    clearTimeout(timer)
  }
}
