// Where a local chain puts the states of its older blocks. By itself it would do so under the home folder of whoever runs
// it, and leave them there: a long run writes gigabytes.
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PREFIX = 'decloud-anvil-'
/** A process in a namespace of its own has another number than it has here: none is taken for dead on that alone. */
const OLD_MS = 24 * 3_600_000

export type States = { path: string; remove(): Promise<void> }

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Removes what processes have left that were killed. Never throws: it is a courtesy. */
const sweep = async (now: number) => {
  for (const name of await readdir(tmpdir()).catch(() => [])) {
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1])
    if (!Number.isInteger(pid) || isAlive(pid)) continue
    const path = join(tmpdir(), name)
    const changed = await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => now,
    )
    if (now - changed > OLD_MS) await rm(path, { recursive: true, force: true }).catch(() => {})
  }
}

let swept: Promise<void> | null = null

export const makeStates = async (): Promise<States> => {
  swept ??= sweep(Date.now())
  await swept
  const path = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`))
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) }
}
