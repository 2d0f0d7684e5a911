// Reads blocks and logs so that what comes back belongs to one chain. All calls of one function go to one RPC.
import type { Deployment, RawLog } from '@decloud/protocol'
import type { Address, Block, Hex } from 'viem'
import type { RpcClient } from '../connect.ts'
import { ChainError } from '../errors.ts'
import type { BlockRef } from './types.ts'

/** The chain moved between two calls: nothing is wrong, the step is taken again. */
export class MovedError extends ChainError {
  constructor(what: string) {
    super('chain-moved', `The chain moved while it was read: ${what}.`, { retryable: true })
  }
}

export const addressesOf = (deployment: Deployment): Address[] =>
  [
    deployment.leaseEscrow,
    deployment.leaseDesk,
    deployment.downtimeQuorum,
    deployment.leaseMandates,
    deployment.nodeRegistry,
    deployment.pricePolicy,
    deployment.templateRegistry,
    deployment.leaseAccess,
    deployment.reviews,
    deployment.reputation,
    deployment.premiumStake,
  ].filter((address) => address !== undefined)

const toRef = (block: Block): BlockRef => ({
  height: block.number!,
  hash: block.hash!,
  parent: block.parentHash,
  timestamp: block.timestamp,
})

export const readHead = async (client: RpcClient): Promise<BlockRef> =>
  toRef(await client.getBlock({ blockTag: 'latest' }))

export const readFinalized = async (client: RpcClient): Promise<bigint> =>
  (await client.getBlock({ blockTag: 'finalized' })).number

/** @throws when the RPC has no block at that height. */
export const readBlock = async (client: RpcClient, height: bigint): Promise<BlockRef> =>
  toRef(await client.getBlock({ blockNumber: height }))

/** The hash at `height`, or `null` when the chain is shorter than that. */
export const readHash = async (client: RpcClient, height: bigint): Promise<Hex | null> => {
  // A raw request: viem's getBlock turns "no such block" into an error like any other.
  const block = await client.request({
    method: 'eth_getBlockByNumber',
    params: [`0x${height.toString(16)}`, false],
  })
  return block?.hash ?? null
}

type RpcLog = Pick<RawLog, 'address' | 'topics' | 'data'> & {
  [field in 'blockNumber' | 'blockHash' | 'transactionHash' | 'logIndex']: RawLog[field] | null
} & { blockTimestamp?: bigint | null | undefined }

/** A log whose block is known; `timestamp` is missing where the RPC does not tell it with the log. */
type PlacedLog = Omit<RawLog, 'timestamp'> & { timestamp: bigint | undefined }

const placed = (log: RpcLog): PlacedLog => {
  const { address, topics, data, blockNumber, blockHash, transactionHash, logIndex } = log
  if (blockNumber === null || blockHash === null || transactionHash === null || logIndex === null) {
    throw new MovedError('a log had no block yet')
  }
  const timestamp = log.blockTimestamp ?? undefined
  return { address, topics, data, blockNumber, blockHash, transactionHash, logIndex, timestamp }
}

/** Headers asked for at once. */
const AT_ONCE = 50

/** Adds the time of their block to logs that came without. @throws MovedError when such a block is another one by now. */
const withTimes = async (client: RpcClient, logs: readonly PlacedLog[]): Promise<RawLog[]> => {
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

const inOrder = (a: RawLog, b: RawLog) => Number(a.blockNumber - b.blockNumber) || a.logIndex - b.logIndex

/**
 * Logs of finalized blocks `from`–`to`. A hash vouches for all blocks below it, so that three reads after the logs and one
 * before them prove that they are of the chain that `base` is on: the end's hash is the same before and after, hence no
 * other chain came between, and it is on top of `base`. An RPC that does not have the end yet, and would answer with less,
 * is found by the first.
 * @param base the block that `from` must build on; `null` when nothing came before.
 * @throws MovedError when the chain is another one than that of `base`, or became one while it was read.
 */
export const readRange = async (
  client: RpcClient,
  addresses: Address[],
  { from, to }: { from: bigint; to: bigint },
  base: BlockRef | null,
) => {
  const end = await readBlock(client, to)
  const logs = (await client.getLogs({ address: addresses, fromBlock: from, toBlock: to })).map(placed)
  const timed = (await withTimes(client, logs)).sort(inOrder)
  const [below, again] = await Promise.all([
    base === null ? null : readHash(client, base.height),
    readHash(client, to),
  ])
  if (again !== end.hash) throw new MovedError(`block ${to} was replaced`)
  if (base !== null && below !== base.hash) throw new MovedError(`block ${base.height} was replaced`)
  const hashes = new Map([[to, end.hash]])
  for (const log of timed) {
    if (log.blockNumber < from || log.blockNumber > to) throw new MovedError('a log lies outside its range')
    if (log.blockHash !== (hashes.get(log.blockNumber) ?? log.blockHash))
      throw new MovedError(`block ${log.blockNumber} was replaced`)
    hashes.set(log.blockNumber, log.blockHash)
  }
  return { blocks: [end], logs: timed }
}

/**
 * Blocks `from`–`to` one by one, each with its logs asked for by block hash: an RPC that does not know that very block
 * fails instead of answering with less.
 * @param parent the hash that the first must build on; `null` when nothing came before.
 */
export const readBlocks = async (
  client: RpcClient,
  addresses: Address[],
  range: { from: bigint; head: BlockRef; count: bigint },
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
  const logs = await Promise.all(
    blocks.map(async (block) => {
      const found = (await client.getLogs({ address: addresses, blockHash: block.hash })).map(placed)
      if (found.some((log) => log.blockHash !== block.hash)) throw new MovedError('a log is of another block')
      return found.map((log) => ({ ...log, timestamp: block.timestamp })).sort(inOrder)
    }),
  )
  return { blocks, logs: logs.flat() }
}
