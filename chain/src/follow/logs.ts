// What an RPC answers to a request for logs, before anything of it is believed.
import type { RawLog } from '@decloud/protocol'
import type { Address, Hex } from 'viem'
import { ChainError } from '../errors.ts'
import { bloomOf, isTelling, mayHold } from './bloom.ts'

/** The chain moved between two calls: nothing is wrong, the step is taken again. */
export class MovedError extends ChainError {
  constructor(what: string) {
    super('chain-moved', `The chain moved while it was read: ${what}.`, { retryable: true })
  }
}

/** An answer that cannot be true, whatever the chain is like. Another RPC, or the same one later, may do better. */
export class ContradictionError extends ChainError {
  constructor(what: string) {
    super('rpc-contradicts', `The RPC gave an answer that cannot be: ${what}.`, {
      retryable: true,
      hint: 'It is asked again; if it goes on, use another RPC.',
    })
  }
}

type RpcLog = Pick<RawLog, 'address' | 'topics' | 'data'> & {
  [field in 'blockNumber' | 'blockHash' | 'transactionHash' | 'logIndex']: RawLog[field] | null
} & { blockTimestamp?: bigint | null | undefined; removed?: boolean }

/** A log whose block is known; `timestamp` is missing where the RPC does not tell it with the log. */
export type PlacedLog = Omit<RawLog, 'timestamp'> & { timestamp: bigint | undefined }

const placed = (log: RpcLog): PlacedLog => {
  const { address, topics, data, blockNumber, blockHash, transactionHash, logIndex } = log
  if (blockNumber === null || blockHash === null || transactionHash === null || logIndex === null) {
    throw new MovedError('a log had no block yet')
  }
  if (log.removed === true) throw new MovedError('a log was removed with its block')
  const timestamp = log.blockTimestamp ?? undefined
  return { address, topics, data, blockNumber, blockHash, transactionHash, logIndex, timestamp }
}

const inOrder = (a: PlacedLog, b: PlacedLog) =>
  Number(a.blockNumber - b.blockNumber) || a.logIndex - b.logIndex

/** Whether two logs say the same of the same place. Who does not know a log's time does not contradict. */
export const sameLog = (a: PlacedLog, b: PlacedLog): boolean =>
  a.blockNumber === b.blockNumber &&
  a.blockHash === b.blockHash &&
  a.logIndex === b.logIndex &&
  a.transactionHash === b.transactionHash &&
  a.address.toLowerCase() === b.address.toLowerCase() &&
  a.data === b.data &&
  a.topics.length === b.topics.length &&
  a.topics.every((topic, i) => topic === b.topics[i]) &&
  (a.timestamp ?? b.timestamp) === (b.timestamp ?? a.timestamp)

/**
 * The logs of an answer in chain order, each once.
 * @param hashes what is known of the blocks in the range, by height; filled with what the logs say.
 * @throws MovedError, ContradictionError.
 */
export const checkLogs = (
  answer: readonly RpcLog[],
  asked: { addresses: readonly Address[]; from: bigint; to: bigint },
  hashes: Map<bigint, Hex>,
): PlacedLog[] => {
  const listened = new Set(asked.addresses.map((address) => address.toLowerCase()))
  const logs: PlacedLog[] = []
  for (const log of answer.map(placed).sort(inOrder)) {
    if (!listened.has(log.address.toLowerCase())) {
      throw new ContradictionError(`a log of ${log.address}, which was not asked for`)
    }
    if (log.blockNumber < asked.from || log.blockNumber > asked.to) {
      throw new ContradictionError(`a log of block ${log.blockNumber}, which was not asked for`)
    }
    const hash = hashes.get(log.blockNumber) ?? log.blockHash
    if (hash !== log.blockHash) throw new MovedError(`block ${log.blockNumber} was replaced`)
    hashes.set(log.blockNumber, hash)
    const last = logs.at(-1)
    if (last === undefined || inOrder(last, log) !== 0) logs.push(log)
    else if (!sameLog(last, log)) {
      throw new ContradictionError(`two logs at index ${log.logIndex} of block ${log.blockNumber}`)
    }
  }
  return logs
}

/**
 * Holds the logs of one block to the filter in its header.
 * @returns addresses that the filter names and no log is of: of such the logs were left out, or chance has set their bits.
 * @throws ContradictionError when there is a log that the filter excludes.
 */
export const leftOut = (
  addresses: readonly Address[],
  block: { height: bigint; bloom: Hex | null },
  logs: readonly PlacedLog[],
): Address[] => {
  const bloom = bloomOf(block.bloom)
  if (bloom === null) return []
  for (const { address, topics } of logs) {
    if ([address, ...topics].some((value) => !mayHold(bloom, value))) {
      throw new ContradictionError(`a log of block ${block.height} that its header excludes`)
    }
  }
  if (!isTelling(bloom)) return []
  const found = new Set(logs.map((log) => log.address.toLowerCase()))
  return addresses.filter((address) => !found.has(address.toLowerCase()) && mayHold(bloom, address))
}
