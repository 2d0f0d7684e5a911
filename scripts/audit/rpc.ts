// The few requests that an audit makes, each with a deadline and a bounded number of tries.
import { setTimeout as delay } from 'node:timers/promises'
import { DecloudError } from '@decloud/protocol'
import { type Address, BaseError, createClient, type Hex, http, rpcSchema } from 'viem'

const DEADLINE_MS = 30_000
const TRIES = 4
const BATCH = 50

export type Rpc = ReturnType<typeof makeRpc>
export type Head = { number: bigint; hash: Hex; timestamp: bigint }
export type BlockTag = bigint | 'latest' | 'safe' | 'finalized'
export type LogFilter = {
  address: readonly Address[] | Address
  topics?: readonly (Hex | readonly Hex[] | null)[]
}
/** `eth_getLogs` as it comes: numbers are hex. */
export type ChainLog = {
  address: Address
  topics: [Hex, ...Hex[]]
  data: Hex
  blockNumber: Hex
  blockHash: Hex
  /** Not every RPC gives it. */
  blockTimestamp?: Hex
  transactionHash: Hex
  logIndex: Hex
  removed?: boolean
}

/** What is asked, and what a node answers by the Ethereum JSON-RPC specification; a filter's lists are not changed by it. */
type Asked = [
  { Method: 'eth_chainId'; Parameters?: undefined; ReturnType: Hex },
  {
    Method: 'eth_getBlockByNumber'
    Parameters: [block: string, transactions: false]
    ReturnType: { number: Hex; hash: Hex; timestamp: Hex } | null
  },
  { Method: 'eth_getCode'; Parameters: [account: Address, block: Hex]; ReturnType: Hex },
  {
    Method: 'eth_getLogs'
    Parameters: [LogFilter & { fromBlock: Hex; toBlock: Hex }]
    ReturnType: ChainLog[]
  },
  { Method: 'eth_call'; Parameters: [call: { to: Address; data: Hex }, block: Hex]; ReturnType: Hex },
]

/** The chain was reorganised while it was read: what was read does not belong together. */
export class MovedError extends DecloudError {
  constructor(what: string) {
    super('chain-moved', `The chain moved while it was read: ${what}.`, { hint: 'Run the audit again.' })
  }
}

const hex = (value: bigint): Hex => `0x${value.toString(16)}`
const hostOf = (url: string) => (URL.canParse(url) ? new URL(url).host : 'an invalid URL')

/** What the RPC said, without the URL: its path may be a key. */
const detailOf = (error: unknown, url: string): string => {
  const text = error instanceof BaseError ? error.details || error.shortMessage : String(error)
  return text.replaceAll(url, hostOf(url))
}

/** @param url a JSON-RPC endpoint; requests made at once share a batch. */
export const makeRpc = (url: string) => {
  const client = createClient({
    transport: http(url, { timeout: DEADLINE_MS, retryCount: 0, batch: { batchSize: BATCH, wait: 0 } }),
    rpcSchema: rpcSchema<Asked>(),
  })

  /** One request, tried again a few times. @throws DecloudError `rpc-failed`. */
  const request = async <answer>(
    what: string,
    send: () => Promise<answer>,
    tries = TRIES,
  ): Promise<answer> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await send()
      } catch (cause) {
        if (attempt >= tries) {
          throw new DecloudError(
            'rpc-failed',
            `Could not ${what} at ${hostOf(url)}: ${detailOf(cause, url)}.`,
            {
              hint: 'Check the URL, or give an RPC that keeps logs and state that far back.',
              cause,
            },
          )
        }
        await delay(250 * attempt)
      }
    }
  }

  const block = async (at: BlockTag): Promise<Head | null> => {
    const tag = typeof at === 'bigint' ? hex(at) : at
    const found = await request(`read block ${at}`, () =>
      client.request({ method: 'eth_getBlockByNumber', params: [tag, false] }),
    )
    return found && { number: BigInt(found.number), hash: found.hash, timestamp: BigInt(found.timestamp) }
  }

  return {
    chainId: async () =>
      Number(await request('read the chain id', () => client.request({ method: 'eth_chainId' }))),
    block,
    code: (address: Address, at: bigint) =>
      request(`read the code of ${address}`, () =>
        client.request({ method: 'eth_getCode', params: [address, hex(at)] }),
      ),
    /** One try: whoever asks for a range knows better what to do about a refusal. */
    logs: (filter: LogFilter, from: bigint, to: bigint) =>
      request(
        `read logs of blocks ${from} to ${to}`,
        () =>
          client.request({
            method: 'eth_getLogs',
            params: [{ ...filter, fromBlock: hex(from), toBlock: hex(to) }],
          }),
        1,
      ),
    call: (to: Address, data: Hex, at: bigint) =>
      request(`read ${to} at block ${at}`, () =>
        client.request({ method: 'eth_call', params: [{ to, data }, hex(at)] }),
      ),
  }
}
