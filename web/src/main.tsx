import { DecloudError } from '@decloud/protocol/errors'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { z } from 'zod'
import { App } from './app/app.tsx'
import { applyTheme, currentTheme } from './app/theme.ts'
import './ui/tokens.css'
import './ui/base.css'

// zod probes for `new Function` otherwise, which a strict content security policy reports.
z.config({ jitless: true })
applyTheme(currentTheme())

const root = document.getElementById('root')
if (root === null) throw new DecloudError('page-broken', 'index.html has no #root element.')
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
