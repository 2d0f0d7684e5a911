import { type ReactNode, useState } from 'react'
import { createConfig, injected, WagmiProvider } from 'wagmi'
import { transportOf, useRuntime } from '../../../data/runtime.tsx'

/**
 * Wallets announce themselves (EIP-6963); nothing is bundled and nobody is called. The unnamed injected connector
 * serves browsers with a wallet that predates announcements.
 */
export const WalletProvider = (props: { children: ReactNode }) => {
  const { config, chain } = useRuntime()
  const [wagmi] = useState(() =>
    createConfig({
      chains: [chain],
      connectors: [injected()],
      multiInjectedProviderDiscovery: true,
      transports: { [chain.id]: transportOf(config) },
    }),
  )
  return <WagmiProvider config={wagmi}>{props.children}</WagmiProvider>
}
