// The chain's clock: the timestamp of the latest block, carried forward by this machine's own. Bills follow block
// time, which on a local chain may be hours away from the wall clock.
import { queryOptions, useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { getBlock } from 'viem/actions'
import { type Runtime, useRuntime } from './runtime.tsx'

const clockQuery = (runtime: Runtime) =>
  queryOptions({
    queryKey: ['clock', runtime.config.chainId, runtime.config.rpcUrl],
    queryFn: async () => {
      const block = await getBlock(runtime.client, { blockTag: 'latest' })
      return { chain: Number(block.timestamp), local: performance.now() }
    },
    refetchInterval: runtime.pollMs * 4,
    staleTime: runtime.pollMs,
  })

/** Unix seconds by the chain's clock, moving every second; undefined until the first block is read. */
export const useChainNow = (): number | undefined => {
  const clock = useQuery(clockQuery(useRuntime())).data
  const [, tick] = useState(0)
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 1_000)
    return () => clearInterval(timer)
  }, [])
  return clock && Math.floor(clock.chain + (performance.now() - clock.local) / 1_000)
}
