// Virtual time. Everything that waits in the simulated world waits here, and happens in one order: by time, then by when it
// was asked for. Between two happenings the code under test runs until it waits again.
import { GENESIS } from './evm.ts'

type Happening = { at: number; order: number; act: () => void | Promise<void> }

export type Clock = {
  /** Unix milliseconds. */
  now(): number
  /** Time passes and nothing happens in it, as when a machine sleeps. */
  skip(ms: number): void
  after(ms: number, act: Happening['act']): void
  /**
   * Lets things happen until `done` says so.
   * @throws when nothing is left to happen, or after `most` happenings.
   */
  run(done: () => boolean, most: number): Promise<void>
}

export const makeClock = (): Clock => {
  let now = GENESIS * 1_000
  let orders = 0
  const queue: Happening[] = []

  const push = (happening: Happening) => {
    let i = queue.push(happening) - 1
    while (i > 0) {
      const parent = (i - 1) >>> 1
      if (!isBefore(queue[i]!, queue[parent]!)) break
      swap(queue, i, parent)
      i = parent
    }
  }
  const pop = (): Happening | undefined => {
    const first = queue[0]
    const last = queue.pop()
    if (first === undefined || last === undefined || queue.length === 0) return first
    queue[0] = last
    for (let i = 0; ; ) {
      const left = 2 * i + 1
      const right = left + 1
      let least = i
      if (left < queue.length && isBefore(queue[left]!, queue[least]!)) least = left
      if (right < queue.length && isBefore(queue[right]!, queue[least]!)) least = right
      if (least === i) return first
      swap(queue, i, least)
      i = least
    }
  }

  return {
    now: () => now,
    skip: (ms) => {
      now += ms
    },
    after: (ms, act) => {
      orders += 1
      push({ at: now + ms, order: orders, act })
    },
    run: async (done, most) => {
      for (let count = 0; count < most; count++) {
        await turn()
        if (done()) return
        const happening = pop()
        if (happening === undefined) throw new Error('nothing is left to happen')
        now = Math.max(now, happening.at)
        await happening.act()
      }
      throw new Error(`not done after ${most} happenings`)
    },
  }
}

/** Until every promise that could go on has done so: they only wait for one another, or for the clock. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

const isBefore = (a: Happening, b: Happening) => a.at < b.at || (a.at === b.at && a.order < b.order)

const swap = (queue: Happening[], i: number, j: number) => {
  const held = queue[i]!
  queue[i] = queue[j]!
  queue[j] = held
}
