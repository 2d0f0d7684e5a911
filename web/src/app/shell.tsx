import { type ReactNode, useState } from 'react'
import { NavLink } from 'react-router'
import { short } from '../data/format.ts'
import { useRuntime } from '../data/runtime.tsx'
import { NetworkBanner, WalletButton } from '../features/wallet/index.ts'
import { Button } from '../ui/button.tsx'
import { currentTheme, storeTheme } from './theme.ts'
import './app.css'

export const Shell = (props: { children: ReactNode }) => {
  const { chain, config } = useRuntime()
  return (
    <>
      <button type="button" className="skip" onClick={focusContent}>
        Skip to content
      </button>
      <header className="top">
        <NavLink className="brand" to="/" aria-label="DeCloud, home">
          <img src="./mark.svg" alt="" width="28" height="28" />
          <span>DeCloud</span>
        </NavLink>
        <nav aria-label="Main">
          <NavLink to="/" end>
            Nodes
          </NavLink>
          <NavLink to="/leases">My leases</NavLink>
        </nav>
        <div className="row top-end">
          <ThemeButton />
          <WalletButton />
        </div>
      </header>
      <NetworkBanner />
      <main id="content" className="page" tabIndex={-1}>
        {props.children}
      </main>
      <footer className="foot small muted">
        <span>{chain.name}</span>
        <span>
          Escrow <span className="mono">{short(config.leaseEscrow)}</span>
        </span>
        <span>Reads the chain directly. No account, no tracking.</span>
      </footer>
    </>
  )
}

// A button, not a link: the hash is the router's.
const focusContent = () => document.getElementById('content')?.focus()

const ThemeButton = () => {
  const [theme, setTheme] = useState(currentTheme)
  const next = theme === 'dark' ? 'light' : 'dark'
  return (
    <Button
      kind="plain"
      aria-label={`Use the ${next} theme`}
      onClick={() => {
        storeTheme(next)
        setTheme(next)
      }}
    >
      <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true" className="theme-icon">
        <circle cx="10" cy="10" r="7.25" />
        <path d="M10 2.75a7.25 7.25 0 0 1 0 14.5z" />
      </svg>
    </Button>
  )
}
