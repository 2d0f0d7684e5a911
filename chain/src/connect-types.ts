import type { Deployment } from '@decloud/protocol'
import type { HttpTransport, PublicClient } from 'viem'

export type RpcClient = PublicClient<HttpTransport>

export type ConnectOptions = {
  /** One or several JSON-RPC URLs, in order of preference. */
  urls: readonly string[]
  deployment: Deployment
  /** Deadline of one request; 10 s by default. */
  timeoutMs?: number
  /** Attempts after the first for a request that failed in a retryable way; 2 by default. */
  retries?: number
}

export type Chain = {
  deployment: Deployment
  /** One client per URL, in order. */
  clients: readonly RpcClient[]
  /**
   * Runs `use` with one client, the preferred one first, and moves on to the next on a retryable failure. All requests
   * of one `use` go to the same RPC, so its answers belong together.
   * @throws ChainError `rpc-unreachable` (retryable) when all fail, or the first failure that is not retryable.
   */
  request<result>(what: string, use: (client: RpcClient) => Promise<result>): Promise<result>
}
