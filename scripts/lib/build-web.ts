// The dApp's bundle, built once for each state of its sources and kept in the cache.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { glob, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const SOURCES = [
  'web/{src,public}/**/*',
  'web/*.{html,ts,json}',
  'contracts/protocol/**/*.ts',
  'package-lock.json',
]

const keyOf = async (): Promise<string> => {
  const hash = createHash('sha256')
  const files: string[] = []
  for await (const entry of glob(SOURCES, { cwd: ROOT, withFileTypes: true })) {
    if (entry.isFile()) files.push(join(entry.parentPath, entry.name))
  }
  for (const file of files.sort()) hash.update(file.slice(ROOT.length)).update(await readFile(file))
  return hash.digest('hex').slice(0, 16)
}

/** @returns the directory to serve; two runs that build at once each finish, and one result stays. */
export const builtWeb = async (): Promise<string> => {
  const home = join(ROOT, '.cache/web')
  const final = join(home, await keyOf())
  if (existsSync(join(final, 'index.html'))) return final
  await mkdir(home, { recursive: true })
  const partial = `${final}.${process.pid}`
  try {
    // Loaded only when there is something to build: the bundler is most of this module's weight.
    const { buildWeb } = await import('../../web/build.ts')
    await buildWeb(partial)
    await rename(partial, final).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error // another build of the same came first
    })
    return final
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
}
