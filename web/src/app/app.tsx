import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { lazy, Suspense, useEffect, useState } from 'react'
import { HashRouter, Route, Routes } from 'react-router'
import { fetchConfig } from '../data/config.ts'
import { makeRuntime, type Runtime, RuntimeProvider } from '../data/runtime.tsx'
import { NodePage } from '../features/nodes/index.ts'
import { WalletProvider } from '../features/wallet/index.ts'
import { Loading } from '../ui/states.tsx'
import { HomePage } from './home-page.tsx'
import { NotFound } from './not-found.tsx'
import { Shell } from './shell.tsx'
import { StartFailed } from './start-failed.tsx'

// The list of nodes is what most visits see first; the other pages follow when they are asked for.
const DeployPage = lazy(async () => ({ default: (await import('../features/deploy/index.ts')).DeployPage }))
const LeasePage = lazy(async () => ({ default: (await import('../features/lease/index.ts')).LeasePage }))
const LeasesPage = lazy(async () => ({ default: (await import('../features/leases/index.ts')).LeasesPage }))

const queries = new QueryClient({
  defaultOptions: { queries: { staleTime: 1_000, retry: 1, refetchOnWindowFocus: true } },
})

type Boot = { state: 'starting' } | { state: 'ready'; runtime: Runtime } | { state: 'failed'; error: unknown }

export const App = () => {
  const [boot, setBoot] = useState<Boot>({ state: 'starting' })
  useEffect(() => {
    const stop = new AbortController()
    fetchConfig(stop.signal).then(
      (config) => setBoot({ state: 'ready', runtime: makeRuntime(config) }),
      (error: unknown) => stop.signal.aborted || setBoot({ state: 'failed', error }),
    )
    return () => stop.abort()
  }, [])
  if (boot.state === 'starting') return null
  if (boot.state === 'failed') return <StartFailed error={boot.error} />
  return (
    <RuntimeProvider runtime={boot.runtime}>
      <WalletProvider>
        <QueryClientProvider client={queries}>
          <HashRouter>
            <Shell>
              <Suspense fallback={<Loading label="Opening the page" rows={2} />}>
                <Routes>
                  <Route path="/" element={<HomePage />} />
                  <Route path="/deploy/:node" element={<DeployPage />} />
                  <Route path="/nodes/:node" element={<NodePage />} />
                  <Route path="/leases" element={<LeasesPage />} />
                  <Route path="/leases/:leaseId" element={<LeasePage />} />
                  <Route path="*" element={<NotFound />} />
                </Routes>
              </Suspense>
            </Shell>
          </HashRouter>
        </QueryClientProvider>
      </WalletProvider>
    </RuntimeProvider>
  )
}
