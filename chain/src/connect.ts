import { setTimeout as delay } from 'node:timers/promises'
import type { Deployment } from '@decloud/protocol'
import { createPublicClient, type HttpTransport, http, type PublicClient } from 'viem'
import { ChainError } from './errors.ts'
import { observed, type RpcCall } from './observe.ts'
import { hostOf, toChainError } from './rpc-errors.ts'
import { backoffMs } from './wait.ts'

export type RpcClient = PublicClient<HttpTransport>

export type ConnectOptions = {
  /** One or several JSON-RPC URLs, in order of preference. */
  urls: readonly string[]
  deployment: Deployment
  /** Deadline of one request; 10 s by default. */
  timeoutMs?: number
  /** Attempts after the first for a request that failed in a retryable way; 2 by default. */
  retries?: number
  /** Hears of every JSON-RPC call after its end. */
  onCall?(call: RpcCall): void
}

export type Chain = {
  deployment: Deployment
  /** One client per URL, in order. */
  clients: readonly RpcClient[]
  /**
   * Runs `use` with one client, the preferred one first, and moves on to the next on a retryable failure. All requests
   * of one `use` go to the same RPC, so its answers belong together.
   * @param what the request in words, completing "could not …".
   * @throws ChainError `rpc-unreachable` or `rpc-refused` of the last try, or the first failure that is not retryable.
   */
  request<result>(what: string, use: (client: RpcClient) => Promise<result>): Promise<result>
}

const urlOf = (client: RpcClient): string => client.transport.url ?? ''

/** Clients without any check; `connect` is the way in for everything that acts on a chain. */
export const makeChain = (options: ConnectOptions): Chain => {
  if (options.urls.length === 0) {
    throw new ChainError('rpc-missing', 'No RPC is configured.', { hint: 'Give at least one JSON-RPC URL.' })
  }
  const { onCall, timeoutMs = 10_000 } = options
  const clients = options.urls.map((url) => {
    const plain = http(url, { timeout: timeoutMs, retryCount: 0, batch: { batchSize: 100, wait: 0 } })
    return createPublicClient({
      transport: onCall === undefined ? plain : observed(url, plain, onCall),
      cacheTime: 0,
    })
  })
  const retries = options.retries ?? 2
  const request = async <result>(what: string, use: (client: RpcClient) => Promise<result>) => {
    let last: ChainError | undefined
    for (let attempt = 0; attempt <= retries; attempt++) {
      if (attempt > 0) await delay(backoffMs(attempt, 50, 1_000))
      for (const client of clients) {
        try {
          return await use(client)
        } catch (error) {
          last = toChainError(what, urlOf(client), error)
          if (!last.retryable) throw last
        }
      }
    }
    throw last!
  }
  return { deployment: options.deployment, clients, request }
}

/**
 * Clients of a chain that is the one the deployment speaks of.
 * @throws ChainError `chain-id-wrong`, `contract-missing`, `rpc-disagree` (never retryable: a person must look), or
 *   `rpc-unreachable` (retryable) when no RPC answers. One of several that does not answer is not an obstacle.
 */
export const connect = async (options: ConnectOptions): Promise<Chain> => {
  const chain = makeChain(options)
  const identities = await identitiesOf(chain)
  if (identities.length === 0) {
    // None answered at once: the bounded retries decide, and give the error.
    identities.push(await chain.request('read the chain id', identityOf))
  }
  checkIdentities(options.deployment, identities)
  await checkContracts(chain)
  return chain
}

const identitiesOf = async (chain: Chain): Promise<Identity[]> => {
  const results = await Promise.allSettled(chain.clients.map(identityOf))
  return results.flatMap((result, i) => {
    if (result.status === 'fulfilled') return [result.value]
    const error = toChainError('read the chain id', urlOf(chain.clients[i]!), result.reason)
    if (!error.retryable) throw error
    return []
  })
}

type Identity = { host: string; chainId: number; genesis: string }

const identityOf = async (client: RpcClient): Promise<Identity> => {
  const [chainId, genesis] = await Promise.all([client.getChainId(), client.getBlock({ blockNumber: 0n })])
  return { host: hostOf(urlOf(client)), chainId, genesis: genesis.hash }
}

const checkIdentities = (deployment: Deployment, identities: readonly Identity[]) => {
  const first = identities[0]!
  const odd = identities.find((one) => one.chainId !== first.chainId || one.genesis !== first.genesis)
  if (odd !== undefined) {
    throw new ChainError(
      'rpc-disagree',
      `The RPCs at ${first.host} and ${odd.host} serve different chains.`,
      {
        hint: 'Keep only the URLs of the chain of the deployment file.',
        details: { [first.host]: first.chainId, [odd.host]: odd.chainId },
      },
    )
  }
  if (first.chainId !== deployment.chainId) {
    throw new ChainError(
      'chain-id-wrong',
      `The RPC at ${first.host} serves chain ${first.chainId}, the deployment is on chain ${deployment.chainId}.`,
      {
        hint: 'Give the RPC of the right chain, or the deployment file of this one.',
        details: { expected: deployment.chainId, found: first.chainId },
      },
    )
  }
}

const checkContracts = async (chain: Chain) => {
  const { chainId: _, fromBlock: __, ...contracts } = chain.deployment
  await chain.request('read the contract code', async (client) => {
    await Promise.all(
      Object.entries(contracts).map(async ([name, address]) => {
        if (address === undefined) return
        const code = await client.getCode({ address })
        if (code !== undefined && code !== '0x') return
        throw new ChainError('contract-missing', `There is no contract at ${address} (${name}).`, {
          hint: 'The deployment file belongs to another chain, or the local chain was started anew: deploy again.',
          details: { name, address, chainId: chain.deployment.chainId },
        })
      }),
    )
  })
}
