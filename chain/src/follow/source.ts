// Reads blocks and logs so that what comes back belongs to one chain. All calls of one function go to one RPC.
import type { RawLog } from '@decloud/protocol'
import type { Address, Block, Hex } from 'viem'
import type { RpcClient } from '../connect.ts'
import { ContradictionError, checkLogs, leftOut, MovedError, type PlacedLog } from './logs.ts'
import type { BlockRef } from './types.ts'

/** A block with the filter over its logs; `null` where the RPC gives none. */
type Header = BlockRef & { bloom: Hex | null }

const toRef = (block: Block): Header => ({
  height: block.number!,
  hash: block.hash!,
  parent: block.parentHash,
  timestamp: block.timestamp,
  bloom: block.logsBloom,
})

export const readHead = async (client: RpcClient): Promise<Header> =>
  toRef(await client.getBlock({ blockTag: 'latest' }))

export const readFinalized = async (client: RpcClient): Promise<bigint> =>
  (await client.getBlock({ blockTag: 'finalized' })).number

/** @throws when the RPC has no block at that height, or answers with another one. */
export const readBlock = async (client: RpcClient, height: bigint): Promise<Header> => {
  const block = toRef(await client.getBlock({ blockNumber: height }))
  if (block.height !== height) throw new ContradictionError(`block ${block.height} instead of ${height}`)
  return block
}

/** The hash at `height`, or `null` when the chain is shorter than that. */
export const readHash = async (client: RpcClient, height: bigint): Promise<Hex | null> => {
  // A raw request: viem's getBlock turns "no such block" into an error like any other.
  const block = await client.request({
    method: 'eth_getBlockByNumber',
    params: [`0x${height.toString(16)}`, false],
  })
  if (block === null) return null
  if (block.number === null || BigInt(block.number) !== height) {
    throw new ContradictionError(`block ${block.number} instead of ${height}`)
  }
  return block.hash
}

/** Headers asked for at once. */
const AT_ONCE = 50

/** Adds the time of their block to logs that came without. @throws MovedError when such a block is another one by now. */
export const withTimes = async (client: RpcClient, logs: readonly PlacedLog[]): Promise<RawLog[]> => {
  const untimed = new Map<Hex, bigint>()
  for (const log of logs) if (log.timestamp === undefined) untimed.set(log.blockHash, log.blockNumber)
  const times = new Map<Hex, bigint>()
  const wanted = [...untimed]
  for (let i = 0; i < wanted.length; i += AT_ONCE) {
    await Promise.all(
      wanted.slice(i, i + AT_ONCE).map(async ([hash, height]) => {
        const block = await readBlock(client, height)
        if (block.hash !== hash) throw new MovedError(`block ${height} was replaced`)
        times.set(hash, block.timestamp)
      }),
    )
  }
  return logs.map((log) => ({ ...log, timestamp: log.timestamp ?? times.get(log.blockHash)! }))
}

type Range = { addresses: Address[]; from: bigint; to: bigint }

/**
 * Logs of finalized blocks `from`–`to`, as the RPC tells them: a time may be missing. A hash vouches for all blocks below
 * it, so that one read before the logs and two after them prove that they are of the chain that `known` is on: the end's
 * hash is the same before and after, hence no other chain came between, and one chain holds it and `known`. An RPC that
 * does not have the end yet, and would answer with less, is found by the first.
 * @param known a block of ours outside of the range; `null` when there is none.
 * @throws MovedError when the chain is another one than that of `known`, or became one while it was read.
 */
export const readLogs = async (client: RpcClient, { addresses, from, to }: Range, known: BlockRef | null) => {
  const end = await readBlock(client, to)
  const answer = await client.getLogs({ address: addresses, fromBlock: from, toBlock: to })
  const [hash, again] = await Promise.all([
    known === null ? null : readHash(client, known.height),
    readHash(client, to),
  ])
  if (again !== end.hash) throw new MovedError(`block ${to} was replaced`)
  if (known !== null && hash !== known.hash) throw new MovedError(`block ${known.height} was replaced`)
  const logs = checkLogs(answer, { addresses, from, to }, new Map([[to, end.hash]]))
  leftOut(
    addresses,
    end,
    logs.filter((log) => log.blockNumber === to),
  )
  return { end, logs }
}

/** The logs of `readLogs`, each with its time, and the block at the end of the range. */
export const readRange = async (client: RpcClient, range: Range, known: BlockRef | null) => {
  const { end, logs } = await readLogs(client, range, known)
  return { blocks: [end], logs: await withTimes(client, logs) }
}

/**
 * The logs of one block, asked for by its hash: an RPC that does not know that very block fails instead of answering with
 * less. What the block's own filter names and the answer does not is asked for once more, by itself.
 */
export const readLogsOf = async (
  client: RpcClient,
  addresses: Address[],
  block: Header,
): Promise<RawLog[]> => {
  const ask = async (of: Address[]) =>
    checkLogs(
      await client.getLogs({ address: of, blockHash: block.hash }),
      { addresses: of, from: block.height, to: block.height },
      new Map([[block.height, block.hash]]),
    )
  const logs = await ask(addresses)
  const doubtful = leftOut(addresses, block, logs)
  if (doubtful.length > 0 && (await ask(doubtful)).length > 0) {
    throw new ContradictionError(`logs of block ${block.height} at one time and none at another`)
  }
  return logs.map((log) => ({ ...log, timestamp: block.timestamp }))
}

/**
 * Blocks `from`–`to` one by one, each with its logs.
 * @param parent the hash that the first must build on; `null` when nothing came before.
 */
export const readBlocks = async (
  client: RpcClient,
  addresses: Address[],
  range: { from: bigint; head: Header; count: bigint },
  parent: Hex | null,
) => {
  const last =
    range.from + range.count - 1n < range.head.height ? range.from + range.count - 1n : range.head.height
  const heights = Array.from({ length: Number(last - range.from) + 1 }, (_, i) => range.from + BigInt(i))
  const blocks = await Promise.all(
    heights.map((height) => (height === range.head.height ? range.head : readBlock(client, height))),
  )
  let expected = parent
  for (const block of blocks) {
    if (expected !== null && block.parent !== expected)
      throw new MovedError(`block ${block.height} has another parent`)
    expected = block.hash
  }
  const logs = await Promise.all(blocks.map((block) => readLogsOf(client, addresses, block)))
  return { blocks, logs: logs.flat() }
}
