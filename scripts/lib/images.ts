import { spawn } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Leftovers } from './leftovers.ts'

class ImageBuildError extends Error {
  override readonly name = 'ImageBuildError'
}

/**
 * Builds the image or finds it in the cache; progress goes to stderr. Resolves to the directory that the agent's image
 * store reads (the one that holds `<id>/current`). An abort is passed on, and the build cleans up after itself;
 * `leftovers` ends it should this process be killed.
 */
export async function buildImage(
  id: 'debian-12' | 'tiny' | 'tiny-arm64',
  { signal, leftovers }: { signal?: AbortSignal; leftovers?: Leftovers } = {},
): Promise<string> {
  const script = fileURLToPath(new URL('../image/build.sh', import.meta.url))
  const [, recipe = id, arch] = /^(tiny)-(\w+)$/.exec(id) ?? []
  const child = spawn(script, arch === undefined ? [recipe] : [recipe, arch], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const abort = () => child.kill('SIGTERM')
  signal?.addEventListener('abort', abort)
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text
  })
  try {
    if (child.pid !== undefined) await leftovers?.process(child.pid)
    const code = await ended
    if (code === 0) return dirname(dirname(printed.trim()))
    throw new ImageBuildError(`building the image ${id} ended with code ${code}; the lines above say why`)
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}
