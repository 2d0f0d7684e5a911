import { DecloudError } from '@decloud/protocol/errors'
import { createContext, type ReactNode, useContext } from 'react'
import { type Chain, createClient, defineChain, http } from 'viem'
import type { WebConfig } from './config.ts'

const LOCAL_CHAIN = 31_337

const NAMES: Readonly<Record<number, { name: string; symbol: string; explorer?: string; testnet: boolean }>> =
  {
    137: { name: 'Polygon', symbol: 'POL', explorer: 'https://polygonscan.com', testnet: false },
    80002: { name: 'Polygon Amoy', symbol: 'POL', explorer: 'https://amoy.polygonscan.com', testnet: true },
    [LOCAL_CHAIN]: { name: 'DeCloud local chain', symbol: 'ETH', testnet: true },
  }

const chainOf = (config: WebConfig): Chain => {
  const known = NAMES[config.chainId] ?? {
    name: `Chain ${config.chainId}`,
    symbol: 'ETH',
    testnet: true,
    explorer: undefined,
  }
  return defineChain({
    id: config.chainId,
    name: known.name,
    nativeCurrency: { name: known.symbol, symbol: known.symbol, decimals: 18 },
    rpcUrls: { default: { http: [config.rpcUrl] } },
    testnet: known.testnet,
    ...(known.explorer === undefined
      ? {}
      : { blockExplorers: { default: { name: 'Explorer', url: known.explorer } } }),
  })
}

/** One transport for every read: calls of the same tick travel as one JSON-RPC batch, small enough for public RPCs. */
export const transportOf = (config: WebConfig) =>
  http(config.rpcUrl, { batch: { batchSize: 40 }, timeout: 15_000, retryCount: 2 })

const makeClient = (config: WebConfig, chain: Chain) =>
  createClient({
    chain,
    transport: transportOf(config),
    pollingInterval: config.chainId === LOCAL_CHAIN ? 500 : 3_000,
  })

export type Runtime = {
  config: WebConfig
  chain: Chain
  client: ReturnType<typeof makeClient>
  /** Milliseconds between two looks at something that is moving. */
  pollMs: number
}

export const makeRuntime = (config: WebConfig): Runtime => {
  const chain = chainOf(config)
  return {
    config,
    chain,
    client: makeClient(config, chain),
    pollMs: config.chainId === LOCAL_CHAIN ? 1_000 : 4_000,
  }
}

const RuntimeContext = createContext<Runtime | null>(null)

export const RuntimeProvider = (props: { runtime: Runtime; children: ReactNode }) => (
  <RuntimeContext value={props.runtime}>{props.children}</RuntimeContext>
)

export const useRuntime = (): Runtime => {
  const runtime = useContext(RuntimeContext)
  if (runtime === null) {
    throw new DecloudError('runtime-missing', 'This part of the page stands outside the RuntimeProvider.')
  }
  return runtime
}
