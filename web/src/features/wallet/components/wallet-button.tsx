import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { useDisconnect } from 'wagmi'
import { short, usdc } from '../../../data/format.ts'
import { useRuntime } from '../../../data/runtime.tsx'
import { Button } from '../../../ui/button.tsx'
import { useWallet } from '../hooks/use-wallet.ts'
import { fundsQuery } from '../queries/funds.ts'
import { WalletPicker } from './wallet-picker.tsx'
import './wallet.css'

/** The account chip, or the way to get one. */
export const WalletButton = (props: { label?: string; kind?: 'primary' | 'secondary'; size?: 'large' }) => {
  const [picking, setPicking] = useState(false)
  const { address } = useWallet()
  if (address !== undefined) return <AccountChip address={address} />
  return (
    <>
      <Button
        kind={props.kind ?? 'primary'}
        onClick={() => setPicking(true)}
        {...(props.size === undefined ? {} : { size: props.size })}
      >
        {props.label ?? 'Connect wallet'}
      </Button>
      {picking && <WalletPicker close={() => setPicking(false)} />}
    </>
  )
}

const AccountChip = (props: { address: `0x${string}` }) => {
  const runtime = useRuntime()
  const funds = useQuery(fundsQuery(runtime, props.address)).data
  const disconnect = useDisconnect()
  const [open, setOpen] = useState(false)
  const root = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (!open) return
    const away = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false)
    }
    const onKey = (event: KeyboardEvent) => event.key === 'Escape' && setOpen(false)
    document.addEventListener('pointerdown', away)
    document.addEventListener('keydown', onKey)
    return () => {
      document.removeEventListener('pointerdown', away)
      document.removeEventListener('keydown', onKey)
    }
  }, [open])
  return (
    <div className="account" ref={root}>
      <button
        type="button"
        className="account-chip"
        aria-expanded={open}
        aria-label={`Account ${short(props.address)}`}
        onClick={() => setOpen(!open)}
      >
        <span className="account-dot" aria-hidden="true" />
        {funds !== undefined && <span className="num account-sum">{usdc(funds.wallet)} USDC</span>}
        <span className="mono">{short(props.address)}</span>
      </button>
      {open && (
        <div className="account-menu card">
          <p className="small mono account-full">{props.address}</p>
          {funds !== undefined && (
            <dl className="facts num">
              <dt>In your wallet</dt>
              <dd>{usdc(funds.wallet)} USDC</dd>
              <dt>DeCloud balance</dt>
              <dd>{usdc(funds.internal)} USDC</dd>
            </dl>
          )}
          <Button kind="secondary" size="small" onClick={() => disconnect.mutate({})}>
            Disconnect
          </Button>
        </div>
      )}
    </div>
  )
}
