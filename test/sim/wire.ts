// The RPCs of the simulated world and the wire to them: each answers from a branch of the real chain, late, wrongly or not
// at all, as the seed has it.
import {
  createTransport,
  HttpRequestError,
  type HttpTransport,
  RpcRequestError,
  TimeoutError,
  toHex,
} from 'viem'
import type { Random } from '../world/random.ts'
import type { Clock } from './clock.ts'
import { wrongHeader, wrongLogs } from './lies.ts'
import type { Market } from './market.ts'
import type { Plan } from './plan.ts'
import type { Trace } from './trace.ts'
import type { Branch, World } from './world.ts'

const TIMEOUT_MS = 10_000

/** How the providers of this world say that a range is too long. */
const RANGE_WORDS: readonly (readonly [code: number, message: string])[] = [
  [-32005, 'query returned more than 10000 results'],
  [-32602, 'Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range'],
  [-32614, 'eth_getLogs is limited to a 10,000 range'],
  [-32600, 'block range is too wide'],
  [-32000, 'Block range is too large'],
  [-32000, 'exceed maximum block range: 5000'],
  [35, 'ranges over 10000 blocks are not supported on freetier'],
  [-32602, 'Block range limit exceeded. See more details at the documentation'],
  [-32000, 'backend response too large'],
]

/** One RPC: where it stands between the chain and the keeper. */
type Rpc = {
  url: string
  lag: number
  /** A branch that it still serves although it was given up; `null` when it is up to date. */
  stuck: Branch | null
  down: boolean
}

/** A running keeper; when it is killed, nothing that it waits for ever comes. */
export type Life = { alive: boolean; name: string }

export type Wire = {
  rpcs: readonly Rpc[]
  /** @param honest without any fault of the seed. */
  transport(life: Life, honest?: boolean): (url: string) => HttpTransport
  /** Called after each answer, before the next call. */
  onAnswer: (request: Request) => void
  /** From now on every RPC is up to date, and tells the truth. */
  calm(): void
}

type Request = { method: string; params: readonly unknown[] }
type Range = { fromBlock?: string; toBlock?: string; blockHash?: string; address: string | string[] }

export const makeWire = (options: {
  plan: Plan
  market: Market
  world: World
  clock: Clock
  random: Random
  trace: Trace
  codes: Map<string, string>
}): Wire => {
  const { plan, market, world, clock, random, trace, codes } = options
  const rpcs: Rpc[] = Array.from({ length: plan.rpcs }, (_, i) => ({
    url: `https://rpc-${i + 1}.sim`,
    lag: 0,
    stuck: null,
    down: false,
  }))
  const words = random.pick(RANGE_WORDS)
  let calm = false

  const refusal = (url: string, code: number, message: string) =>
    new RpcRequestError({ body: {}, error: { code, message }, url })

  const logsOf = (url: string, branch: Branch, head: number, filter: Range, limited: boolean) => {
    const wanted = new Set([filter.address].flat().map((address) => address.toLowerCase()))
    const isWanted = ({ address }: { address: string }) => wanted.has(address.toLowerCase())
    if (filter.blockHash !== undefined) {
      const block = branch.slice(0, head + 1).findLast(({ header }) => header.hash === filter.blockHash)
      if (block === undefined) throw refusal(url, -32000, 'unknown block')
      return block.logs.filter(isWanted)
    }
    const [from, to] = [Number(filter.fromBlock), Number(filter.toBlock)]
    if (limited && to - from + 1 > plan.maxRange) throw refusal(url, ...words)
    // A node that does not have the end of the range answers with what it has.
    const logs = branch.slice(from, Math.min(to, head) + 1).flatMap((block) => block.logs.filter(isWanted))
    if (limited && from !== to && logs.length > plan.maxLogs) throw refusal(url, ...words)
    return logs
  }

  /** What an RPC with nothing wrong about it says at this moment. */
  const answer = async (rpc: Rpc, { method, params }: Request, limited: boolean): Promise<unknown> => {
    const branch = rpc.stuck ?? world.branch()
    const head = Math.max(0, branch.length - 1 - rpc.lag)
    const [first, second] = params as [string, string]
    switch (method) {
      case 'eth_chainId':
        return toHex(market.deployment.chainId)
      case 'eth_blockNumber':
        return toHex(head)
      case 'eth_getCode':
        return codes.get(first.toLowerCase())
      case 'eth_getBlockByNumber': {
        const final = Math.max(0, head - plan.finality)
        const height = first === 'latest' ? head : first === 'finalized' ? final : Number(first)
        return height > head ? null : branch[height]!.header
      }
      case 'eth_getLogs': {
        const logs = logsOf(rpc.url, branch, head, params[0] as Range, limited)
        return plan.timedLogs ? logs : logs.map(({ blockTimestamp: _, ...log }) => log)
      }
      case 'eth_call': {
        const height = Number(second)
        const here = branch[height]?.header.hash
        if (height > head || here !== world.branch()[height]?.header.hash) {
          throw refusal(rpc.url, -32000, 'missing trie node')
        }
        return world.call(params[0], height).catch((error: { code: number; message: string }) => {
          throw refusal(rpc.url, error.code, error.message)
        })
      }
      default:
        throw refusal(rpc.url, -32601, `the method ${method} does not exist`)
    }
  }

  const falsified = (rpc: Rpc, { method, params }: Request, truth: unknown) => {
    if (calm || !plan.liars.includes(rpcs.indexOf(rpc)) || !random.chance(plan.lies)) return null
    if (method === 'eth_getLogs') return wrongLogs(random, truth as never)
    if (method !== 'eth_getBlockByNumber' || truth === null) return null
    const branch = world.branch()
    if (params[0] === 'finalized') {
      return { name: 'final too early', answer: branch.at(-1)!.header }
    }
    const others = [branch[1]!.header, branch.at(-1)!.header, branch.at(-2)!.header]
    return wrongHeader(random, truth as never, others)
  }

  /** The failure that a call meets on its way, if any. */
  const failureOf = (rpc: Rpc): { name: string; error: Error; ms: number } | null => {
    const { url } = rpc
    if (rpc.down) return { name: 'down', error: new HttpRequestError({ url }), ms: 1 }
    if (calm || !random.chance(plan.failures)) return null
    const after = () => random.between(1, 8)
    switch (random.below(6)) {
      case 0:
        return { name: 'time-out', error: new TimeoutError({ body: {}, url }), ms: TIMEOUT_MS }
      case 1: {
        const headers = new Headers({ 'retry-after': String(after()) })
        return { name: '429', error: new HttpRequestError({ url, status: 429, headers }), ms: 5 }
      }
      case 2:
        return { name: '502', error: new HttpRequestError({ url, status: 502 }), ms: 20 }
      case 3:
        return { name: 'limit', error: refusal(url, -32005, 'too many requests per second'), ms: 5 }
      case 4:
        return { name: 'internal', error: refusal(url, -32603, 'internal error'), ms: 20 }
      default:
        return { name: 'cut', error: new HttpRequestError({ url }), ms: 3 }
    }
  }

  const serve = async (life: Life, rpc: Rpc, request: Request, honest: boolean) => {
    const truth = await answer(rpc, request, !honest && !calm)
    const lie = honest ? null : falsified(rpc, request, truth)
    note(life, rpc, request, lie === null ? 'ok' : `LIE ${lie.name}`)
    return lie === null ? truth : lie.answer
  }

  const note = (life: Life, { url }: Rpc, { method, params }: Request, verdict: string) =>
    trace.note(`${clock.now()} ${life.name} ${url.slice(8, 13)} ${method} ${shortOf(params)} ${verdict}`)

  const call = (life: Life, rpc: Rpc, request: Request, honest: boolean): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const failure = honest ? null : failureOf(rpc)
      const ms = failure?.ms ?? (honest ? 1 : random.between(...plan.latencyMs))
      clock.after(ms, async () => {
        if (!life.alive) return
        if (failure !== null) {
          note(life, rpc, request, failure.name)
          return reject(failure.error)
        }
        try {
          resolve(await serve(life, rpc, request, honest))
          if (!honest && !calm) wire.onAnswer(request)
        } catch (error) {
          note(life, rpc, request, error instanceof Error ? error.message.split('\n')[0]! : String(error))
          reject(error)
        }
      })
    })

  const wire: Wire = {
    rpcs,
    onAnswer: () => {},
    transport:
      (life, honest = false) =>
      (url) => {
        const rpc = rpcs.find((one) => one.url === url)!
        return () =>
          createTransport(
            {
              ...{ key: 'sim', name: 'simulated', type: 'http', retryCount: 0 },
              request: (({ method, params = [] }: { method: string; params?: readonly unknown[] }) =>
                call(life, rpc, { method, params }, honest)) as never,
            },
            { url },
          ) as never
      },
    calm: () => {
      calm = true
      for (const rpc of rpcs) Object.assign(rpc, { lag: 0, stuck: null, down: false })
    },
  }
  return wire
}

const shortOf = (params: readonly unknown[]): string => {
  const [first, second] = params
  if (typeof first !== 'object' || first === null) return String(first ?? '')
  if ('blockHash' in first) return String(first.blockHash).slice(0, 10)
  if ('fromBlock' in first && 'toBlock' in first) return `${first.fromBlock}–${first.toBlock}`
  return `${String((first as { data?: string }).data).slice(0, 42)} ${String(second)}`
}
