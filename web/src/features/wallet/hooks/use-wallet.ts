import { DecloudError } from '@decloud/protocol/errors'
import { useCallback } from 'react'
import { type Address, createClient, custom, type EIP1193Provider } from 'viem'
import { useConnection } from 'wagmi'
import { useRuntime } from '../../../data/runtime.tsx'
import type { Signer } from '../../../flows/flow.ts'

export type Wallet = {
  address: Address | undefined
  /** Connected, and not to the chain of this deployment. */
  wrongNetwork: boolean
  /** A client that signs with the connected account, whichever network the wallet is on. */
  signer: () => Promise<Signer>
}

export const useWallet = (): Wallet => {
  const { chain } = useRuntime()
  const { address, chainId, connector, status } = useConnection()
  const connected = status === 'connected'
  const signer = useCallback(async () => {
    if (!connected || address === undefined || connector === undefined) {
      throw new DecloudError('wallet-missing', 'No wallet is connected.', {
        hint: 'Connect one with the button at the top right.',
      })
    }
    const provider = (await connector.getProvider()) as EIP1193Provider
    return createClient({ account: { address, type: 'json-rpc' }, chain, transport: custom(provider) })
  }, [address, chain, connected, connector])
  return {
    address: connected ? address : undefined,
    wrongNetwork: connected && chainId !== chain.id,
    signer,
  }
}
