import { useSwitchChain } from 'wagmi'
import { explain, wrongNetwork } from '../../../data/errors.ts'
import { useRuntime } from '../../../data/runtime.tsx'
import { Button } from '../../../ui/button.tsx'
import { useWallet } from '../hooks/use-wallet.ts'

export const NetworkBanner = () => {
  const { chain } = useRuntime()
  const wallet = useWallet()
  const change = useSwitchChain()
  if (!wallet.wrongNetwork) return null
  const failure =
    change.error && explain(change.error, { chain: chain.name, symbol: chain.nativeCurrency.symbol })
  return (
    <div className="banner" role="alert">
      <span>{(failure ?? wrongNetwork(chain.name)).sentence}</span>
      <Button
        kind="secondary"
        size="small"
        disabled={change.isPending}
        onClick={() => change.mutate({ chainId: chain.id })}
      >
        {change.isPending ? 'Waiting for the wallet' : `Switch to ${chain.name}`}
      </Button>
    </div>
  )
}
