// A crash run that is itself killed: namespaces, libvirtd, guests, folders and control groups end with it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import { buildImage } from '../../scripts/lib/images.ts'
import { startTimeOf } from '../../scripts/lib/leftovers.ts'
import { libvirtMissing } from '../../scripts/lib/libvirt-up.ts'
import { run } from './machine.ts'

const missing = await libvirtMissing()
if (missing) console.warn(`SKIPPED: the killed crash run: ${missing}`)

const CRASH = fileURLToPath(new URL('../../scripts/crash/main.ts', import.meta.url))

/** Every process below `pid`; those in namespaces of their own have numbers here too. */
const descendants = async (pid: number): Promise<number[]> => {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  const pids = children.split(' ').filter(Boolean).map(Number)
  return [...pids, ...(await Promise.all(pids.map(descendants))).flat()]
}

const commandOf = (pid: number) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')

const traces = async () => ({
  folders: (await readdir(tmpdir())).filter((name) => name.startsWith('decloud-crash-')).sort(),
  groups: (await run('find', ['/sys/fs/cgroup', '-maxdepth', '2', '-name', 'decloud-crash-*'])).stdout,
})

/** All of the run's processes, once a guest is among them. */
const withGuest = async (child: ChildProcess): Promise<number[]> => {
  let pids: number[] = []
  await vi.waitFor(
    async () => {
      pids = await descendants(child.pid!)
      const commands = await Promise.all(pids.map(commandOf))
      expect(commands.some((command) => /qemu-system.*guest=decloud-/s.test(command))).toBe(true)
    },
    { timeout: 120_000, interval: 200 },
  )
  return pids
}

test.skipIf(missing).each(['SIGINT', 'SIGKILL'] as const)(
  '%s while its guests boot leaves nothing of a crash run',
  { timeout: 240_000 },
  async (signal) => {
    await buildImage('tiny')
    const before = await traces()
    const child = spawn(process.execPath, [CRASH, 'agent', '--kills', '1'], { stdio: 'ignore' })
    const exited = once(child, 'exit')
    try {
      const pids = await withGuest(child)
      expect((await traces()).folders.length).toBe(before.folders.length + 1)
      child.kill(signal)
      await exited
      await vi.waitFor(
        async () => {
          expect((await Promise.all(pids.map(startTimeOf))).filter((time) => time !== null)).toEqual([])
          expect(await traces()).toEqual(before)
        },
        { timeout: 60_000, interval: 500 },
      )
    } finally {
      child.kill('SIGKILL')
    }
  },
)
