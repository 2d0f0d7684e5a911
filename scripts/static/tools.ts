import { createHash } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Progress } from '../lib/progress.ts'
import { run } from './run.ts'

const REQUIREMENTS = 'scripts/static/requirements.txt'
const INSTALL_SECONDS = 420

/** A Python environment with the analysers, or the sentence that says why there is none. */
export type Tools = { venv: string } | { missing: string }

/** The directory that everything of this verb is kept in: safe to delete. */
export const BUILD = 'build/static'

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? ''

/**
 * Slither and Halmos of the versions in requirements.txt, in an environment of their own under build/. Made once; made
 * again when the requirements change.
 */
export const pythonTools = async (root: string, progress: Progress, signal: AbortSignal): Promise<Tools> => {
  const venv = join(root, BUILD, 'venv')
  const stamp = join(venv, 'made-from')
  const wanted = createHash('sha256')
    .update(await readFile(join(root, REQUIREMENTS)))
    .digest('hex')
  if ((await readFile(stamp, 'utf8').catch(() => '')) === wanted) return { venv }
  await rm(venv, { recursive: true, force: true })
  await mkdir(join(root, BUILD), { recursive: true })
  const made = await run('python3', ['-m', 'venv', venv], { seconds: 60, signal }).catch((error: Error) => {
    if (signal.aborted) throw error
    return { code: 1, stderr: 'there is no python3 here' }
  })
  if (made.code !== 0) return { missing: `no Python environment could be made: ${lastLine(made.stderr)}` }
  const installed = await progress.step('asking PyPI for Slither and Halmos', () =>
    run(
      join(venv, 'bin', 'pip'),
      ['install', '--quiet', '--require-virtualenv', '-r', join(root, REQUIREMENTS)],
      {
        seconds: INSTALL_SECONDS,
        signal,
        env: { PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_RETRIES: '1', PIP_DEFAULT_TIMEOUT: '20' },
      },
    ),
  )
  if (installed.code !== 0) {
    await rm(venv, { recursive: true, force: true })
    const why = installed.timedOut ? `not within ${INSTALL_SECONDS} s` : lastLine(installed.stderr)
    return { missing: `PyPI did not give what ${REQUIREMENTS} names: ${why}` }
  }
  await writeFile(stamp, wanted)
  return { venv }
}
