// When a log was written: some RPCs say it with the log, for the others the header is asked for.
import type { Hex } from 'viem'
import { type ChainLog, MovedError, type Rpc } from './rpc.ts'

const AT_ONCE = 50

/** @returns the time of every block that has one of these logs, unix seconds. */
export const timesOf = async (rpc: Rpc, logs: readonly ChainLog[]): Promise<ReadonlyMap<Hex, bigint>> => {
  const times = new Map<Hex, bigint>()
  const missing = new Map<Hex, bigint>()
  for (const log of logs) {
    if (log.blockTimestamp !== undefined) times.set(log.blockHash, BigInt(log.blockTimestamp))
    else missing.set(log.blockHash, BigInt(log.blockNumber))
  }
  const wanted = [...missing]
  for (let i = 0; i < wanted.length; i += AT_ONCE) {
    await Promise.all(
      wanted.slice(i, i + AT_ONCE).map(async ([hash, number]) => {
        const block = await rpc.block(number)
        if (block?.hash !== hash) throw new MovedError(`block ${number} was replaced`)
        times.set(hash, block.timestamp)
      }),
    )
  }
  return times
}
