// A run that is killed leaves nothing: the reaper sees the pipe break and removes what the run had made.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { startTimeOf } from '../../scripts/lib/leftovers.ts'

const OWNER = `
import { spawn } from 'node:child_process'
import { startReaper } from ${JSON.stringify(new URL('../../scripts/lib/leftovers.ts', import.meta.url).href)}
const [directory, end] = process.argv.slice(2)
const leftovers = await startReaper()
leftovers.add({ kind: 'directory', path: directory })
// One that ends when asked, one that has to be killed.
const children = [spawn('sleep', ['300']), spawn('sh', ['-c', 'trap "" TERM; while :; do sleep 1; done'])]
for (const child of children) await leftovers.process(child.pid)
console.log(children.map((child) => child.pid).join(' '))
if (end === 'reap') await leftovers.reap()
if (end === 'throw') throw new Error('a crash')
setTimeout(() => {}, 300_000)
`

let scripts: string
beforeAll(async () => {
  scripts = await mkdtemp(join(tmpdir(), 'decloud-owner-'))
  await writeFile(join(scripts, 'owner.ts'), OWNER)
})
afterAll(() => rm(scripts, { recursive: true }))

const own = async (end: string): Promise<{ owner: ChildProcess; pids: number[]; directory: string }> => {
  const directory = await mkdtemp(join(tmpdir(), 'decloud-leftovers-'))
  const owner = spawn(process.execPath, [join(scripts, 'owner.ts'), directory, end], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [line] = (await once(createInterface({ input: owner.stdout }), 'line')) as [string]
  return { owner, pids: line.split(' ').map(Number), directory }
}

const gone = (pids: readonly number[], directory: string) =>
  vi.waitFor(
    async () => {
      expect(await Promise.all(pids.map(startTimeOf))).toEqual(pids.map(() => null))
      expect(existsSync(directory)).toBe(false)
    },
    { timeout: 20_000, interval: 100 },
  )

it.concurrent.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)(
  '%s of the owner: everything goes',
  async (signal) => {
    const { owner, pids, directory } = await own('wait')
    expect(await Promise.all(pids.map(startTimeOf))).not.toContain(null)
    owner.kill(signal)
    await gone(pids, directory)
  },
)

it.concurrent.each(['reap', 'throw'])('the owner ends by %s: everything goes', async (end) => {
  const { owner, pids, directory } = await own(end)
  await gone(pids, directory)
  owner.kill('SIGKILL')
})
