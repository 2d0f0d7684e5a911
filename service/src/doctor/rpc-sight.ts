// What one RPC says of itself, and of the time.
import { ChainError, hostOf } from '@decloud/chain'
import { type Hex, hexToBigInt } from 'viem'
import { z } from 'zod'

export const DEADLINE_MS = 10_000

export type Sight = {
  host: string
  url: string
  chainId: number
  head: bigint
  headTimeMs: number
  finalized: bigint
  /** The server's clock less ours at the middle of the call; `null` without a Date header. Its unit is a second. */
  skewMs: number | null
  ms: number
  /** Unix milliseconds of our clock, in the middle of the call. */
  seenMs: number
}

const quantity = z.string().regex(/^0x[0-9a-f]+$/i)
const block = z.object({ number: quantity, timestamp: quantity })
const answersSchema = z.array(
  z.object({
    id: z.int(),
    result: z.unknown().optional(),
    error: z.object({ message: z.string() }).optional(),
  }),
)
const CALLS = [
  { method: 'eth_chainId', params: [] },
  { method: 'eth_getBlockByNumber', params: ['latest', false] },
  { method: 'eth_getBlockByNumber', params: ['finalized', false] },
]

// By hand rather than through viem: the Date header is part of what is asked.
/** @throws ChainError, or whatever `fetch` throws: no answer, or none that a chain would give. */
export const see = async (url: string): Promise<Sight> => {
  const began = Date.now()
  const { origin, pathname, search, username, password } = new URL(url)
  const basic = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString(
    'base64',
  )
  const response = await fetch(`${origin}${pathname}${search}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(username === '' ? {} : { authorization: `Basic ${basic}` }),
    },
    body: JSON.stringify(CALLS.map((call, id) => ({ jsonrpc: '2.0', id, ...call }))),
    signal: AbortSignal.timeout(DEADLINE_MS),
  })
  const ended = Date.now()
  const date = response.headers.get('date')
  if (!response.ok) throw new ChainError('rpc-unreachable', `it answers ${response.status}`)
  const answers = answersSchema.parse(await response.json())
  const result = (id: number) => {
    const answer = answers.find((one) => one.id === id)
    if (answer?.error !== undefined)
      throw new ChainError('rpc-refused', `it refuses: ${answer.error.message}`)
    return answer?.result
  }
  const head = block.parse(result(1))
  return {
    ...{ host: hostOf(url), url, ms: ended - began },
    chainId: Number(quantity.parse(result(0))),
    head: BigInt(head.number),
    headTimeMs: Number(hexToBigInt(head.timestamp as Hex)) * 1_000,
    finalized: BigInt(block.parse(result(2)).number),
    seenMs: (began + ended) / 2,
    // A header of 12:00:00 was true at some time until 12:00:01.
    skewMs: date === null ? null : Date.parse(date) + 500 - (began + ended) / 2,
  }
}
