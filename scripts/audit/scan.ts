// Reads logs in ranges that fit the RPC: a refused or slow range is halved, an easy one doubled.
import { setTimeout as delay } from 'node:timers/promises'
import { type ChainLog, type LogFilter, MovedError, type Rpc } from './rpc.ts'

const FIRST_SPAN = 2_000n
const WIDEST_SPAN = 50_000n
/** Logs held at once: a range that brought more is followed by a narrower one. */
const MANY_LOGS = 5_000
const FEW_LOGS = 1_000
const FAILURES_AT_ONE_BLOCK = 4
/** After so many easy ranges in a row a width that was refused is tried again: the RPC may only have been busy. */
const EASY_RANGES = 32

export type Range = { from: bigint; to: bigint }
export type Chunk = Range & { logs: ChainLog[] }

const inOrder = (a: ChainLog, b: ChainLog) =>
  Number(BigInt(a.blockNumber) - BigInt(b.blockNumber)) || Number(a.logIndex) - Number(b.logIndex)

/**
 * Every log that one of the filters lets through, in the order of the chain, range by range. A log that two filters let
 * through comes once.
 * @throws DecloudError `rpc-failed` when a single block is refused several times; `chain-moved`.
 */
export async function* scan(rpc: Rpc, filters: readonly LogFilter[], range: Range): AsyncGenerator<Chunk> {
  let span = FIRST_SPAN
  let widest = WIDEST_SPAN
  let failures = 0
  let easy = 0
  for (let from = range.from; from <= range.to; ) {
    const to = from + span - 1n < range.to ? from + span - 1n : range.to
    let found: ChainLog[]
    try {
      found = (await Promise.all(filters.map((filter) => rpc.logs(filter, from, to)))).flat()
    } catch (error) {
      failures = span === 1n ? failures + 1 : 0
      if (failures >= FAILURES_AT_ONE_BLOCK) throw error
      span = widest = span > 1n ? span / 2n : 1n
      easy = 0
      await delay(200 * (failures + 1))
      continue
    }
    failures = 0
    yield { from, to, logs: once(found, { from, to }) }
    from = to + 1n
    easy += 1
    if (easy % EASY_RANGES === 0 && widest * 2n <= WIDEST_SPAN) widest *= 2n
    if (found.length > MANY_LOGS) span = span > 1n ? span / 2n : 1n
    else if (found.length < FEW_LOGS) span = span * 2n < widest ? span * 2n : widest
  }
}

const once = (logs: ChainLog[], { from, to }: Range): ChainLog[] => {
  const seen = new Set<string>()
  return logs.sort(inOrder).filter((log) => {
    if (log.removed || log.blockNumber === null) throw new MovedError('a log was taken back')
    const block = BigInt(log.blockNumber)
    if (block < from || block > to) throw new MovedError('a log lies outside the range that was asked for')
    const key = `${log.blockHash} ${log.logIndex}`
    return !seen.has(key) && seen.add(key)
  })
}
