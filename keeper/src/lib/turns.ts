import { setImmediate as turn } from 'node:timers/promises'

/**
 * For work in pieces that is done without waiting for anything: each piece asks for a turn first. Turns come one by one,
 * in the order in which they were asked for, and between two of them the process does whatever else there is to do.
 */
export const makeTurns = (): (() => Promise<void>) => {
  let last: Promise<void> = Promise.resolve()
  return () => {
    last = last.then(() => turn())
    return last
  }
}
