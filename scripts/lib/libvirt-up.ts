import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, chown, readFile, stat, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Leftovers } from './leftovers.ts'
import { hasLibvirtChains, removeLibvirtChains } from './libvirt-firewall.ts'

const run = promisify(execFile)

export interface LibvirtUp {
  /** Ends the daemons that `libvirtUp` started and what they left, unless somebody else's guests run by now. */
  stop(): Promise<void>
}

/** Why real guests cannot run here, as one sentence, or null when they can. */
export async function libvirtMissing(): Promise<string | null> {
  if (process.getuid?.() !== 0) return 'real guests need root (for libvirt and its networks)'
  for (const tool of ['libvirtd', 'virsh', 'qemu-img', 'genisoimage', 'dnsmasq']) {
    if (!(await hasCommand(tool))) return `${tool} is not installed`
  }
  return null
}

const directories = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/sbin', '/usr/local/bin']

async function hasCommand(name: string): Promise<boolean> {
  return directories.some((directory) => existsSync(`${directory}/${name}`))
}

/** The socket is the test: a daemon that was killed stays in the process table as defunct. */
async function answers(): Promise<boolean> {
  return run('virsh', ['-q', '-c', 'qemu:///system', 'uri'], { timeout: 10_000 }).then(
    () => true,
    () => false,
  )
}

/**
 * Starts one daemon and returns its pid. One that is still on its way out holds the pid file for a while: it is waited
 * for, 20 s at most.
 */
async function startDaemon(name: DaemonName): Promise<number> {
  let said = ''
  for (let i = 0; i < 40; i++) {
    try {
      await run(`/usr/sbin/${name}`, ['-d'], { timeout: 60_000 })
      return (await daemonPids()).get(name)!
    } catch (error) {
      said = (error as { stderr?: string }).stderr?.trim() ?? String(error)
      if (!/pidfile/i.test(said)) break
      await sleep(500)
    }
  }
  throw new LibvirtStartError(`${name} does not start: ${said} See /var/log/libvirt.`)
}

class LibvirtStartError extends Error {
  override readonly name = 'LibvirtStartError'
}

/**
 * Starts virtlogd and libvirtd where nothing answers. Throws LibvirtStartError with what to look at.
 * @param leftovers is told of each daemon as soon as it runs, so that one is owned even when the next does not start;
 *   without it, `stop` is the caller's to call.
 */
export async function libvirtUp(leftovers?: Leftovers): Promise<LibvirtUp> {
  if (await answers()) return { stop: async () => {} }
  if (existsSync('/run/systemd/system')) {
    await run('systemctl', ['start', 'libvirtd'], { timeout: 60_000 })
    if (await answers()) return { stop: async () => {} }
    throw new LibvirtStartError(
      'systemctl started libvirtd, but its socket does not answer: see journalctl -u libvirtd',
    )
  }
  await openKvmToGroup()
  const ipForward = await readFile(IP_FORWARD, 'utf8')
  const ownFirewall = !(await hasLibvirtChains())
  // Told first, removed last: after the daemon that would make its chains again.
  if (ownFirewall) leftovers?.add({ kind: 'libvirt-firewall', ipForward })
  const started = new Map<DaemonName, number>()
  for (const name of ['virtlogd', 'libvirtd'] as const) {
    // A libvirtd that runs and does not answer is on its way out, or stuck: a new one says which.
    if (name === 'virtlogd' && (await daemonPids()).has(name)) continue
    const pid = await startDaemon(name)
    started.set(name, pid)
    await leftovers?.process(pid)
  }
  for (let i = 0; i < 100; i++) {
    if (await answers()) {
      const restore = async () => {
        if (!ownFirewall) return
        await removeLibvirtChains()
        await writeFile(IP_FORWARD, ipForward)
      }
      return { stop: () => stopDaemons(started, restore) }
    }
    await sleep(200)
  }
  throw new LibvirtStartError(
    'libvirtd was started, but its socket did not answer within 20 s: see /var/log/libvirt',
  )
}

/**
 * Where no udev runs, /dev/kvm keeps the kernel's 0600. libvirt then takes its knowledge of QEMU for stale and probes
 * it again at every use, minutes of it. Debian's udev rule gives the device to the group kvm; so does this.
 */
export async function openKvmToGroup(): Promise<void> {
  const device = await stat('/dev/kvm').catch(() => null)
  const line = (await readFile('/etc/group', 'utf8')).match(/^kvm:[^:]*:(\d+):/m)
  if (!device || !line || (device.gid === Number(line[1]) && (device.mode & 0o060) === 0o060)) return
  await chown('/dev/kvm', 0, Number(line[1]))
  await chmod('/dev/kvm', 0o660)
}

const IP_FORWARD = '/proc/sys/net/ipv4/ip_forward'

const pidFiles = { libvirtd: '/run/libvirtd.pid', virtlogd: '/run/virtlogd.pid' } as const

type DaemonName = keyof typeof pidFiles

async function daemonPids(): Promise<Map<DaemonName, number>> {
  const found = new Map<DaemonName, number>()
  for (const name of ['libvirtd', 'virtlogd'] as const) {
    const pid = Number(await readFile(pidFiles[name], 'utf8').catch(() => ''))
    // A pid file outlives its daemon, and its number may be somebody else's by now.
    const command = pid > 0 ? await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '') : ''
    if (command.trim() === name) found.set(name, pid)
  }
  return found
}

async function stopDaemons(
  started: ReadonlyMap<DaemonName, number>,
  restore: () => Promise<void>,
): Promise<void> {
  const list = await run('virsh', ['-q', '-c', 'qemu:///system', 'list', '--name'], { timeout: 10_000 })
  if (list.stdout.trim() !== '') return
  for (const [name, pid] of started) {
    if ((await daemonPids()).get(name) !== pid) continue
    process.kill(pid, 'SIGTERM')
    for (let i = 0; i < 50 && (await daemonPids()).get(name) === pid; i++) await sleep(100)
  }
  await restore()
}
