// The whole life of a deployment, in ranges of blocks that an RPC answers for.
import type { Chain } from './connect.ts'

/** Blocks asked for at once, at most and at least: providers cap the range in a dozen ways. */
const WIDEST = 50_000n
const NARROWEST = 500n

/**
 * Calls `read` for one range after the other, from the deployment's first block to `head`; a range that fails is halved.
 * @param read adds to its result only when all of a range was answered.
 * @throws what `read` throws for even a short range.
 */
export const inWindows = async (
  chain: Chain,
  head: bigint,
  read: (from: bigint, to: bigint) => Promise<void>,
): Promise<void> => {
  let window = WIDEST
  for (let from = BigInt(chain.deployment.fromBlock); from <= head; ) {
    const to = from + window - 1n < head ? from + window - 1n : head
    try {
      await read(from, to)
      from = to + 1n
    } catch (error) {
      if (window <= NARROWEST) throw error
      window = window / 2n > NARROWEST ? window / 2n : NARROWEST
    }
  }
}
