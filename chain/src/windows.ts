// The whole life of a deployment, in ranges of blocks that an RPC answers for.
import type { Chain } from './connect.ts'

/** Blocks asked for at once, at most and at least: providers cap the range in a dozen ways. */
const WIDEST = 50_000n
const NARROWEST = 500n

type Blocks = {
  /** The deployment's first by default. */
  readonly first?: bigint
  readonly head: bigint
}

/**
 * Calls `read` for one range after the other, from the deployment's first block to `head`; a range that fails is halved.
 * @param read adds to its result only when all of a range was answered.
 * @throws what `read` throws for even a short range.
 */
export const inWindows = async (
  chain: Chain,
  { first = BigInt(chain.deployment.fromBlock), head }: Blocks,
  read: (from: bigint, to: bigint) => Promise<void>,
): Promise<void> => {
  const window = makeWindow()
  for (let from = first; from <= head; ) {
    const to = from + window.size() - 1n < head ? from + window.size() - 1n : head
    if (await window.holds(() => read(from, to))) from = to + 1n
  }
}

/**
 * The same from `head` down, for what is as a rule not long ago.
 * @param read resolves to whether that was enough.
 */
export const inWindowsBack = async (
  chain: Chain,
  { first = BigInt(chain.deployment.fromBlock), head }: Blocks,
  read: (from: bigint, to: bigint) => Promise<boolean>,
): Promise<void> => {
  const window = makeWindow()
  let enough = false
  for (let to = head; to >= first && !enough; ) {
    const from = to - window.size() + 1n > first ? to - window.size() + 1n : first
    const held = await window.holds(async () => {
      enough = await read(from, to)
    })
    if (held) to = from - 1n
  }
}

const makeWindow = () => {
  let size = WIDEST
  return {
    size: () => size,
    /** @returns whether the range was answered; else the next one is half as long. */
    holds: async (read: () => Promise<void>): Promise<boolean> => {
      try {
        await read()
        return true
      } catch (error) {
        if (size <= NARROWEST) throw error
        size = size / 2n > NARROWEST ? size / 2n : NARROWEST
        return false
      }
    },
  }
}
