// A bench with real guests, on a machine of its own: nothing that others run on this one is in its way, or in ours.
import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildImage } from '../lib/images.ts'
import { startReaper } from '../lib/leftovers.ts'
import { libvirtMissing } from '../lib/libvirt-up.ts'
import { onOwnMachine } from '../lib/own-machine.ts'

/** @param args given to the script after the folder of the images. @returns the exit code; 2 where no guest can run. */
export const runBenchInside = async (
  script: URL,
  args: readonly string[],
  withinSeconds: number,
): Promise<number> => {
  const missing = await libvirtMissing()
  if (missing !== null) {
    console.error(`No real guests here: ${missing}.`)
    return 2
  }
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(withinSeconds * 1_000)])
  const leftovers = await startReaper()
  try {
    const imageDir = await buildImage('tiny', { signal, leftovers })
    const scratch = await mkdtemp(join(tmpdir(), 'decloud-bench-'))
    leftovers.add({ kind: 'directory', path: scratch })
    await chmod(scratch, 0o711)
    const inside = { script: fileURLToPath(script), args: [imageDir, ...args] }
    const code = await onOwnMachine({ scratch, ...inside, leftovers, signal })
    if (code === null && !stop.signal.aborted)
      console.error(`The bench was not through after ${withinSeconds} s.`)
    return code ?? 1
  } finally {
    await leftovers.reap()
  }
}
