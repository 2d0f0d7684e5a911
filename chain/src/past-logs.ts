// What was logged about a few things since the deployment, for those who ask once and do not follow.
import type { RawLog } from '@decloud/protocol'
import { type Address, formatLog, type Hex, type LogTopic, numberToHex } from 'viem'
import type { Chain } from './connect.ts'
import { checkLogs } from './follow/logs.ts'
import { withTimes } from './follow/source.ts'
import { inWindows } from './windows.ts'

type LogQuestion = {
  /** In words, completing "could not …". */
  what: string
  addresses: readonly Address[]
  /** By place; `null` takes any, a list any of its values. */
  topics: readonly (readonly Hex[] | null)[]
  /** The last block that counts. */
  head: bigint
}

/**
 * Logs in the order of the chain, each with its time. Each range is of one RPC; that the ranges are of one chain is for
 * the caller to see, by what the sums come to.
 * @throws ChainError when the RPC refuses even short ranges.
 */
export const pastLogs = async (
  chain: Chain,
  { what, addresses, topics, head }: LogQuestion,
): Promise<RawLog[]> => {
  const all: RawLog[] = []
  await inWindows(chain, head, async (from, to) => {
    const some = await chain.request(what, async (client) => {
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
      return withTimes(
        client,
        checkLogs(
          answer.map((log) => formatLog(log)),
          { addresses, from, to },
          new Map(),
        ),
      )
    })
    all.push(...some)
  })
  return all
}
