import type { Deployment } from '@decloud/protocol'
import { createPublicClient, type HttpTransport, http, type PublicClient } from 'viem'
import { ChainError } from './errors.ts'
import { checkChainId, checkSame, type Identity, readIdentity } from './identity.ts'
import { observed, type RpcCall } from './observe.ts'
import { toChainError } from './rpc-errors.ts'
import { backoffMs, type Pace, realPace } from './wait.ts'

export type RpcClient = PublicClient<HttpTransport>

export type ConnectOptions = {
  /** One or several JSON-RPC URLs, in order of preference. */
  urls: readonly string[]
  deployment: Deployment
  /** Deadline of one request; 10 s by default. */
  timeoutMs?: number
  /** Attempts after the first for a request that failed in a retryable way; 2 by default. */
  retries?: number
  /** Time and chance; the machine's by default. */
  pace?: Pace
  /** The way to a URL; HTTP by default. */
  transport?(url: string): HttpTransport
  /** Hears of every JSON-RPC call after its end. */
  onCall?(call: RpcCall): void
}

export type Chain = {
  deployment: Deployment
  /** One client per URL, in order. */
  clients: readonly RpcClient[]
  /** Time and chance, for what follows this chain. */
  pace: Pace
  /**
   * Runs `use` with one client, the preferred one first, and moves on to the next on a retryable failure. All requests
   * of one `use` go to the same RPC, so its answers belong together. An RPC that asked to be left alone for a while is
   * passed over for so long.
   * @param what the request in words, completing "could not …".
   * @param first index of the client to begin with; the first by default.
   * @throws ChainError `rpc-unreachable` or `rpc-refused` of the last try, or the first failure that is not retryable.
   */
  request<result>(what: string, use: (client: RpcClient) => Promise<result>, first?: number): Promise<result>
  /**
   * Asks one RPC and no other, once.
   * @throws ChainError, and `rpc-disagree` or `chain-id-wrong` when it turns out to serve something else than the others.
   */
  ask<result>(client: RpcClient, what: string, use: (client: RpcClient) => Promise<result>): Promise<result>
}

const urlOf = (client: RpcClient): string => client.transport.url ?? ''

/** An RPC that was away at the start is looked at before it is first used; until then nobody knows what it serves. */
type Vet = (client: RpcClient) => Promise<void>

/** Clients without any check; `connect` is the way in for everything that acts on a chain. */
export const makeChain = (options: ConnectOptions): Chain => makeVetted(options, async () => {})

const makeVetted = (options: ConnectOptions, vet: Vet): Chain => {
  if (options.urls.length === 0) {
    throw new ChainError('rpc-missing', 'No RPC is configured.', { hint: 'Give at least one JSON-RPC URL.' })
  }
  const { onCall, pace = realPace, retries = 2, timeoutMs = 10_000 } = options
  const overHttp = (url: string) =>
    http(url, { timeout: timeoutMs, retryCount: 0, batch: { batchSize: 100, wait: 0 } })
  const clients = options.urls.map((url) => {
    const transport = (options.transport ?? overHttp)(url)
    return createPublicClient({
      transport: onCall === undefined ? transport : observed(url, transport, onCall),
      cacheTime: 0,
      // What a stranger's contract or a lying RPC reverts with must not send this process to a URL, nor round in circles.
      ccipRead: false,
    })
  })
  const resting = new Map<RpcClient, { until: number; error: ChainError }>()
  const ask: Chain['ask'] = async (client, what, use) => {
    const rest = resting.get(client)
    if (rest !== undefined && pace.now() < rest.until) throw rest.error
    try {
      await vet(client)
      return await use(client)
    } catch (cause) {
      const error = toChainError(what, urlOf(client), cause)
      if (error.retryAfterMs > 0) resting.set(client, { until: pace.now() + error.retryAfterMs, error })
      throw error
    }
  }
  const never = new AbortController().signal
  const request: Chain['request'] = async (what, use, first = 0) => {
    const order = [...clients.slice(first), ...clients.slice(0, first)]
    let last: ChainError | undefined
    for (let attempt = 0; attempt <= retries; attempt++) {
      if (attempt > 0) await pace.pause(backoffMs(attempt, 50, 1_000, pace.random), never)
      for (const client of order) {
        try {
          return await ask(client, what, use)
        } catch (error) {
          last = error as ChainError
          // One that serves another chain is passed over like one that is away; the others have the right one.
          const foreign = FOREIGN.has(last.code) && order.length > 1
          if (!last.retryable && !foreign) throw last
        }
      }
    }
    throw last!
  }
  return { deployment: options.deployment, clients, pace, request, ask }
}

const FOREIGN: ReadonlySet<string> = new Set(['rpc-disagree', 'chain-id-wrong', 'contract-missing'])

/**
 * Clients of a chain that is the one the deployment speaks of.
 * @throws ChainError `chain-id-wrong`, `contract-missing`, `rpc-disagree` (never retryable: a person must look), or
 *   `rpc-unreachable` (retryable) when no RPC answers. One of several that does not answer is not an obstacle: it is held
 *   to the others when it comes back, and never used when it differs.
 */
export const connect = async (options: ConnectOptions): Promise<Chain> => {
  const { deployment } = options
  const known = new Map<RpcClient, Identity>()
  const vet: Vet = async (client) => {
    const first = known.values().next().value
    if (known.has(client) || first === undefined) return
    const identity = await readIdentity(client, deployment)
    checkSame(first, identity)
    known.set(client, identity)
  }
  const chain = makeVetted(options, vet)
  const found = await identitiesOf(chain)
  if (found.length === 0) {
    // None answered at once: the bounded retries decide, and give the error.
    found.push(
      await chain.request('read the chain id', async (client) => ({
        client,
        identity: await readIdentity(client, deployment),
      })),
    )
  }
  for (const { identity } of found) checkSame(found[0]!.identity, identity)
  checkChainId(deployment, found[0]!.identity)
  for (const { client, identity } of found) known.set(client, identity)
  return chain
}

const identitiesOf = async (chain: Chain) => {
  const results = await Promise.allSettled(
    chain.clients.map(async (client) => ({
      client,
      identity: await chain.ask(client, 'read the chain id', (one) => readIdentity(one, chain.deployment)),
    })),
  )
  return results.flatMap((result) => {
    if (result.status === 'fulfilled') return [result.value]
    const error = toChainError('read the chain id', '', result.reason)
    if (!error.retryable) throw error
    return []
  })
}
