// The dApp's bundle, built once for each state of its sources and kept in the cache.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { glob, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { DecloudError } from '@decloud/protocol'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const SOURCES = [
  'web/src/**/*',
  'web/public/**/*',
  'web/*.{html,ts,json}',
  'contracts/protocol/**/*.ts',
  'package-lock.json',
]
const BUILD_DEADLINE_MS = 120_000

const keyOf = async (): Promise<string> => {
  const hash = createHash('sha256')
  const files: string[] = []
  for await (const entry of glob(SOURCES, { cwd: ROOT, withFileTypes: true })) {
    if (entry.isFile()) files.push(join(entry.parentPath, entry.name))
  }
  for (const file of files.sort()) hash.update(file.slice(ROOT.length)).update(await readFile(file))
  return hash.digest('hex').slice(0, 16)
}

/** @returns the directory to serve. @throws DecloudError `web-build` with what vite printed. */
export const buildWeb = async (): Promise<string> => {
  const home = join(ROOT, '.cache/web')
  const final = join(home, await keyOf())
  if (existsSync(join(final, 'index.html'))) return final
  const partial = `${final}.${process.pid}`
  await mkdir(home, { recursive: true })
  try {
    await promisify(execFile)(
      join(ROOT, 'node_modules/.bin/vite'),
      ['build', 'web', '--outDir', partial, '--emptyOutDir', '--logLevel', 'warn'],
      { cwd: ROOT, timeout: BUILD_DEADLINE_MS },
    )
    await rename(partial, final).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error // another build of the same came first
    })
    return final
  } catch (cause) {
    throw new DecloudError(
      'web-build',
      `The dApp does not build: ${(cause as { stderr?: string }).stderr ?? cause}`,
      { cause },
    )
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
}
