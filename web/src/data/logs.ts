// Reads logs of one contract by topics from an RPC that may cap the range of a query. What is old enough not to be
// re-organised is kept for the life of the page, so that following a lease costs one short query a look.
import { DecloudError } from '@decloud/protocol/errors'
import type { RawLog } from '@decloud/protocol/events'
import { type Address, type Hex, hexToBigInt, hexToNumber, numberToHex, type RpcLog } from 'viem'
import { getBlock, getBlockNumber } from 'viem/actions'
import type { Runtime } from './runtime.tsx'

/** Deeper than any re-organisation of Polygon since its finality gadget. */
const SETTLED_DEPTH = 64n
const MIN_WINDOW = 500n
const MAX_QUERIES = 2_000

export type LogFilter = {
  address: Address | readonly Address[]
  topics: readonly (Hex | readonly Hex[] | null)[]
}

type Cached = { logs: RawLog[]; upTo: bigint }
const caches = new WeakMap<Runtime['client'], Map<string, Cached>>()

/**
 * All logs from the deployment's first block to the head, in order.
 * @throws DecloudError `rpc-log-range` when the RPC refuses even short ranges; RPC errors as viem throws them.
 */
export const scanLogs = async (runtime: Runtime, filter: LogFilter): Promise<RawLog[]> => {
  const { client, config } = runtime
  const cache = caches.get(client) ?? new Map<string, Cached>()
  caches.set(client, cache)
  const key = JSON.stringify(filter)
  const head = await getBlockNumber(client, { cacheTime: 0 })
  const known = cache.get(key) ?? { logs: [], upTo: BigInt(config.fromBlock) - 1n }
  // A local chain that was rolled back to a snapshot is shorter than what was seen: start again.
  const start = known.upTo > head ? { logs: [], upTo: BigInt(config.fromBlock) - 1n } : known
  const fresh = await scanRange(runtime, filter, start.upTo + 1n, head)
  const logs = [...start.logs, ...fresh]
  const settled = head - SETTLED_DEPTH
  if (settled > start.upTo) {
    cache.set(key, { logs: logs.filter((log) => log.blockNumber <= settled), upTo: settled })
  }
  return logs
}

const scanRange = async (runtime: Runtime, filter: LogFilter, from: bigint, to: bigint) => {
  const logs: RawLog[] = []
  let window = to - from + 1n
  let at = from
  for (let queries = 0; at <= to; queries++) {
    if (queries >= MAX_QUERIES) throw rangeRefused()
    const end = at + window - 1n > to ? to : at + window - 1n
    try {
      logs.push(...(await getLogs(runtime, filter, at, end)))
      at = end + 1n
    } catch (error) {
      // Providers word "range too wide" in a dozen ways: any refusal is answered with half the range, down to a floor.
      if (window <= MIN_WINDOW) throw rangeRefused(error)
      window = window / 2n > MIN_WINDOW ? window / 2n : MIN_WINDOW
    }
  }
  return logs
}

const getLogs = async (runtime: Runtime, filter: LogFilter, from: bigint, to: bigint): Promise<RawLog[]> => {
  const found = (await runtime.client.request({
    method: 'eth_getLogs',
    params: [
      {
        // viem types addresses and topics as mutable arrays; the RPC reads them only.
        address: filter.address as Address | Address[],
        topics: filter.topics as (Hex | Hex[] | null)[],
        fromBlock: numberToHex(from),
        toBlock: numberToHex(to),
      },
    ],
  })) as readonly RpcLog[]
  return withTimes(runtime, found)
}

/** Some RPCs tell the time of its block with a log; of the others the header is asked, once a block. */
const withTimes = async ({ client }: Runtime, logs: readonly RpcLog[]): Promise<RawLog[]> => {
  const untimed = new Set(logs.filter((log) => !log.blockTimestamp).map((log) => log.blockHash))
  const times = new Map<Hex | null, bigint>()
  for (const blockHash of untimed) {
    if (blockHash !== null) times.set(blockHash, (await getBlock(client, { blockHash })).timestamp)
  }
  return logs.map((log) =>
    toRawLog(log, log.blockTimestamp ? hexToBigInt(log.blockTimestamp) : times.get(log.blockHash)),
  )
}

const toRawLog = (log: RpcLog, timestamp: bigint | undefined): RawLog => {
  if (
    log.blockNumber === null ||
    log.blockHash === null ||
    log.transactionHash === null ||
    log.logIndex === null ||
    timestamp === undefined
  ) {
    throw new DecloudError('rpc-pending-log', 'The RPC answered with a log that is in no block.', {
      hint: 'Use another RPC in deployment.json.',
    })
  }
  return {
    address: log.address,
    topics: log.topics,
    data: log.data,
    blockNumber: hexToBigInt(log.blockNumber),
    blockHash: log.blockHash,
    transactionHash: log.transactionHash,
    logIndex: hexToNumber(log.logIndex),
    timestamp,
  }
}

const rangeRefused = (cause?: unknown) =>
  new DecloudError('rpc-log-range', 'The RPC does not answer queries for past events.', {
    hint: 'Use an RPC in deployment.json that serves eth_getLogs over the life of the contracts.',
    cause,
  })
