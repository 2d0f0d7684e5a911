// Builds the dApp from code: the demo and the browser test share it with `npm run build`.
import { join } from 'node:path'
import { build } from 'vite'

/** @param outDir where the bundle goes; emptied first. */
export const buildWeb = async (outDir: string): Promise<void> => {
  await build({
    root: import.meta.dirname,
    configFile: join(import.meta.dirname, 'vite.config.ts'),
    logLevel: 'error',
    build: { outDir, emptyOutDir: true },
  })
}
