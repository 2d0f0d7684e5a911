// The other end of leftovers.ts: reads one resource a line, removes them all when the pipe ends.
// It uses virsh and iptables rather than our own driver: the driver may be what crashed.
import { execFile } from 'node:child_process'
import { readFile, rm, rmdir, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Leftover, startTimeOf } from './leftovers.ts'
import { removeLibvirtChains } from './libvirt-firewall.ts'

const CGROUPS = '/sys/fs/cgroup'
const exec = promisify(execFile)
const run = async (command: string, args: readonly string[]): Promise<string> =>
  (await exec(command, [...args], { timeout: 20_000 })).stdout

const removers = {
  process: async ({ pid, startTime }: Extract<Leftover, { kind: 'process' }>) => {
    const alive = async () => (await startTimeOf(pid)) === startTime && !(await isZombie(pid))
    for (const [signal, patienceMs] of [
      ['SIGTERM', 3_000],
      ['SIGKILL', 5_000],
    ] as const) {
      if (!(await alive())) return
      process.kill(pid, signal)
      for (let waited = 0; waited < patienceMs && (await alive()); waited += 50) await sleep(50)
    }
    if (await alive()) throw new Error(`process ${pid} does not end`)
  },

  directory: ({ path }: Extract<Leftover, { kind: 'directory' }>) =>
    rm(path, { recursive: true, force: true, maxRetries: 3 }),

  network: async ({ uri, name }: Extract<Leftover, { kind: 'network' }>) => {
    const virsh = (...args: string[]) => run('virsh', ['-q', '-c', uri, ...args])
    for (const domain of (await virsh('list', '--all', '--uuid')).split('\n').filter(Boolean)) {
      const xml = await virsh('dumpxml', domain)
      if (!xml.includes(`network='${name}'`)) continue
      await virsh('destroy', domain).catch(() => {}) // it may be off already
      await virsh('undefine', domain, '--nvram').catch(() => virsh('undefine', domain))
    }
    const networks = (await virsh('net-list', '--all', '--name')).split('\n').map((line) => line.trim())
    if (!networks.includes(name)) return
    await virsh('net-destroy', name).catch(() => {}) // it may be inactive; a transient one is gone after this
    await virsh('net-undefine', name).catch(() => {}) // only a persistent one is still there
  },

  'libvirt-firewall': async ({ ipForward }: Extract<Leftover, { kind: 'libvirt-firewall' }>) => {
    await removeLibvirtChains()
    await writeFile('/proc/sys/net/ipv4/ip_forward', ipForward)
  },

  cgroups: async ({ named }: Extract<Leftover, { kind: 'cgroups' }>) => {
    // The last process of a group may still be on its way out.
    for (let waited = 0; waited < 5_000 && (await removeCgroups(named)) > 0; waited += 200) await sleep(200)
  },
}

/** Innermost first. @returns how many are left. */
const removeCgroups = async (named: string): Promise<number> => {
  const found = (await run('find', [CGROUPS, '-type', 'd', '-path', `*${named}*`]))
    .split('\n')
    .filter(Boolean)
  for (const path of found.sort((a, b) => b.length - a.length)) await rmdir(path).catch(() => {}) // counted anew
  return (await run('find', [CGROUPS, '-type', 'd', '-path', `*${named}*`])).split('\n').filter(Boolean)
    .length
}

const isZombie = async (pid: number): Promise<boolean> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')
}

const leftovers: Leftover[] = []
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
for await (const line of createInterface({ input: process.stdin }))
  leftovers.push(JSON.parse(line) as Leftover)

for (const leftover of leftovers.reverse()) {
  try {
    // The table has one remover a kind: each takes exactly the leftovers of its own.
    await (removers[leftover.kind] as (leftover: Leftover) => Promise<void>)(leftover)
  } catch (error) {
    console.error(
      `could not remove ${JSON.stringify(leftover)}: ${error instanceof Error ? error.message : error}`,
    )
    process.exitCode = 1
  }
}
