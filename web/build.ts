// Builds the dApp from code: the demo and the browser test share it with `npm run build`.
import { join } from 'node:path'
import { build } from 'vite'

/** @param outDir where the bundle goes; emptied first. */
export const buildWeb = async (outDir: string): Promise<void> => {
  // A test runner has another word here, and the bundle would be one for developers: this is the one that is shipped.
  const { NODE_ENV } = process.env
  process.env['NODE_ENV'] = 'production'
  try {
    await build({
      root: import.meta.dirname,
      configFile: join(import.meta.dirname, 'vite.config.ts'),
      logLevel: 'error',
      build: { outDir, emptyOutDir: true },
    })
  } finally {
    if (NODE_ENV === undefined) Reflect.deleteProperty(process.env, 'NODE_ENV')
    else process.env['NODE_ENV'] = NODE_ENV
  }
}
