// What was logged about a few things since the deployment, for those who ask once and do not follow.
import type { RawLog } from '@decloud/protocol'
import { type Address, formatLog, type Hex, type LogTopic, numberToHex } from 'viem'
import type { Chain } from './connect.ts'
import { checkLogs } from './follow/logs.ts'
import { withTimes } from './follow/source.ts'
import type { StoredLogs } from './follow/stored-logs.ts'
import { inWindows, inWindowsBack } from './windows.ts'

export type LogQuestion = {
  /** In words, completing "could not …". */
  what: string
  addresses: readonly Address[]
  /** By place; `null` takes any, a list any of its values. */
  topics: readonly (readonly Hex[] | null)[]
  /** The last block that counts. */
  head: bigint
}

export type Past = {
  /** Logs that need not be asked for. */
  readonly stored?: StoredLogs | null
  /** After each range: how many blocks the RPC was asked about so far, and how many there are to ask about at most. */
  onRange?(blocks: bigint, of: bigint): void
}

/** What is not stored: the RPC is asked. */
const restOf = (chain: Chain, head: bigint, stored: StoredLogs | null) => {
  const first = stored === null ? BigInt(chain.deployment.fromBlock) : stored.through + 1n
  return { first, head, blocks: head - first + 1n }
}

/**
 * Logs in the order of the chain, each with its time. Each range is of one RPC; that the ranges are of one chain is for
 * the caller to see, by what the sums come to.
 * @throws ChainError when the RPC refuses even short ranges.
 */
export const pastLogs = async (
  chain: Chain,
  question: LogQuestion,
  { stored = null, onRange }: Past = {},
): Promise<RawLog[]> => {
  const all = stored?.logs(question) ?? []
  const rest = restOf(chain, question.head, stored)
  await inWindows(chain, rest, async (from, to) => {
    all.push(...(await logsIn(chain, question, from, to)))
    onRange?.(to - rest.first + 1n, rest.blocks)
  })
  return all
}

/**
 * The newest of them, read backwards until one is `enough`: of the range that has it and of those after it.
 * @returns in the order of the chain, as far as it was read.
 * @throws as `pastLogs`.
 */
export const lastLogs = async (
  chain: Chain,
  question: LogQuestion,
  enough: (log: RawLog) => boolean,
  { stored = null, onRange }: Past = {},
): Promise<RawLog[]> => {
  const ranges: RawLog[][] = []
  const rest = restOf(chain, question.head, stored)
  await inWindowsBack(chain, rest, async (from, to) => {
    const logs = await logsIn(chain, question, from, to)
    ranges.unshift(logs)
    onRange?.(rest.head - from + 1n, rest.blocks)
    return logs.some(enough)
  })
  return [...(stored?.logs(question) ?? []), ...ranges.flat()]
}

const logsIn = (
  chain: Chain,
  { what, addresses, topics }: LogQuestion,
  from: bigint,
  to: bigint,
): Promise<RawLog[]> =>
  chain.request(what, async (client) => {
    const answer = await client.request({
      method: 'eth_getLogs',
      params: [
        {
          address: [...addresses],
          topics: topics.map((topic): LogTopic => (topic === null ? null : [...topic])),
          fromBlock: numberToHex(from),
          toBlock: numberToHex(to),
        },
      ],
    })
    const logs = answer.map((log) => formatLog(log))
    return withTimes(client, checkLogs(logs, { addresses, from, to }, new Map()))
  })
