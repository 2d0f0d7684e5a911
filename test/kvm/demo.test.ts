// Ctrl-C and a crash of the demo, while its guest boots: no process, domain, network, rule or file stays.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test, vi } from 'vitest'
import { buildImage } from '../../scripts/lib/images.ts'
import { startTimeOf } from '../../scripts/lib/leftovers.ts'
import { libvirtMissing } from '../../scripts/lib/libvirt-up.ts'

const missing = await libvirtMissing()
if (missing) console.warn(`SKIPPED: the killed demo: ${missing}`)

const DEMO = fileURLToPath(new URL('../../scripts/demo/main.ts', import.meta.url))
const run = promisify(execFile)

/** Every process below `pid`, by /proc: what was there, not what is said to have been. */
const descendants = async (pid: number): Promise<number[]> => {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  const pids = children.split(' ').filter(Boolean).map(Number)
  return [...pids, ...(await Promise.all(pids.map(descendants))).flat()]
}

const qemus = async (): Promise<number[]> => {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const commands = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  )
  return pids.filter((_, i) => /qemu-system.*guest=decloud-/s.test(commands[i]!)).map(Number)
}

/** What a demo could leave on the machine, as one comparable picture. */
const picture = async () => ({
  links: (JSON.parse((await run('ip', ['-j', 'link'])).stdout) as { ifname: string }[])
    .map((link) => link.ifname)
    .sort(),
  routes: (await run('ip', ['route'])).stdout,
  rules: (await run('iptables', ['-S'])).stdout + (await run('iptables', ['-t', 'nat', '-S'])).stdout,
  files: (await readdir(tmpdir())).filter((name) => /^decloud-(world|demo)-/.test(name)).sort(),
  qemus: await qemus(),
})

test.skipIf(missing).each(['SIGINT', 'SIGKILL'] as const)(
  '%s while the guest boots leaves the machine as it was',
  { timeout: 300_000 },
  async (signal) => {
    await buildImage('debian-12')
    const before = await picture()
    const demo = spawn(process.execPath, [DEMO], { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
    const exited = once(demo, 'exit')
    try {
      const said: string[] = []
      for await (const line of createInterface({ input: demo.stderr })) {
        said.push(line)
        if (/^ {2}lease 0x/.test(line)) break
      }
      expect(said.join('\n')).toMatch(/lease 0x[0-9a-f]{64}/)
      // The guest is defined and QEMU runs: the worst moment to die.
      await vi.waitFor(
        async () => expect((await qemus()).length).toBeGreaterThan(before.qemus.length),
        60_000,
      )
      const pids = await descendants(demo.pid!)
      expect(pids.length).toBeGreaterThan(0)
      demo.kill(signal)
      await exited
      await vi.waitFor(
        async () => {
          expect(await picture()).toEqual(before)
          expect((await Promise.all(pids.map(startTimeOf))).filter((time) => time !== null)).toEqual([])
        },
        { timeout: 60_000, interval: 500 },
      )
    } finally {
      demo.kill('SIGKILL')
    }
  },
)
