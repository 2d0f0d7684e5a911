import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// `base: './'` lets the bundle live under any path: a static host, an IPFS gateway, a file server on loopback.
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [react()],
  // The protocol package and this one agree on the version; one copy in the bundle is enough.
  resolve: { dedupe: ['zod', 'viem'] },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // Small assets stay files: a strict content security policy then needs no `data:` for fonts or images of ours.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
})
