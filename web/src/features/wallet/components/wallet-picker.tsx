import { useEffect, useRef, useState } from 'react'
import { type Connector, useConnect, useConnectors } from 'wagmi'
import { explain } from '../../../data/errors.ts'
import { useRuntime } from '../../../data/runtime.tsx'
import { Button } from '../../../ui/button.tsx'
import { Notice } from '../../../ui/notice.tsx'

const hasLegacyWallet = () => 'ethereum' in window

/** Announced wallets hide the unnamed one: it is one of them, under a second name. */
const offered = (connectors: readonly Connector[]) => {
  const announced = connectors.filter((connector) => connector.id !== 'injected')
  if (announced.length > 0) return announced
  return hasLegacyWallet() ? connectors : []
}

export const WalletPicker = (props: { close: () => void }) => {
  const { chain } = useRuntime()
  const connectors = offered(useConnectors())
  const connect = useConnect()
  const dialog = useRef<HTMLDialogElement>(null)
  const [chosen, setChosen] = useState('')
  useEffect(() => dialog.current?.showModal(), [])
  const error =
    connect.error && explain(connect.error, { chain: chain.name, symbol: chain.nativeCurrency.symbol })
  return (
    <dialog ref={dialog} className="picker card" aria-labelledby="picker-title" onClose={props.close}>
      <div className="stack">
        <div className="spread">
          <h2 id="picker-title">Connect a wallet</h2>
          <Button kind="plain" size="small" onClick={props.close}>
            Close
          </Button>
        </div>
        {connectors.length === 0 ? (
          <Notice tone="warn">
            No wallet was found in this browser. Install one that speaks EIP-6963 (most do), unlock it, and
            reload this page.
          </Notice>
        ) : (
          <ul className="picker-list">
            {connectors.map((connector) => (
              <li key={connector.uid}>
                <button
                  type="button"
                  className="picker-item"
                  disabled={connect.isPending}
                  onClick={() => {
                    setChosen(connector.uid)
                    connect.mutate({ connector }, { onSuccess: props.close })
                  }}
                >
                  {connector.icon?.startsWith('data:image/') ? (
                    <img src={connector.icon} alt="" />
                  ) : (
                    <span className="picker-blank" aria-hidden="true" />
                  )}
                  <span>{connector.name}</span>
                  {connect.isPending && chosen === connector.uid && (
                    <span className="small muted">Waiting for the wallet</span>
                  )}
                </button>
              </li>
            ))}
          </ul>
        )}
        {error !== null && <Notice tone="bad">{error.sentence}</Notice>}
        <p className="small muted">
          Connecting shows this page your address and nothing more. Every payment is signed by you, one by
          one.
        </p>
      </div>
    </dialog>
  )
}
