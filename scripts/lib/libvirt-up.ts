import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, chown, readFile, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface LibvirtUp {
  /** Daemons that were started here; none when libvirt answered already. */
  readonly pids: readonly number[]
  /** Ends the daemons that `libvirtUp` started, unless somebody else's guests run by now. */
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

async function startDaemon(name: string): Promise<void> {
  const child = spawn(`/usr/sbin/${name}`, ['-d'], { stdio: ['ignore', 'ignore', 'inherit'] })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
  if (code !== 0) throw new LibvirtStartError(`${name} -d ended with code ${code}; see /var/log/libvirt`)
}

class LibvirtStartError extends Error {
  override readonly name = 'LibvirtStartError'
}

/** Starts virtlogd and libvirtd where nothing answers. Throws LibvirtStartError with what to look at. */
export async function libvirtUp(): Promise<LibvirtUp> {
  if (await answers()) return { pids: [], stop: async () => {} }
  if (existsSync('/run/systemd/system')) {
    await run('systemctl', ['start', 'libvirtd'], { timeout: 60_000 })
    if (await answers()) return { pids: [], stop: async () => {} }
    throw new LibvirtStartError(
      'systemctl started libvirtd, but its socket does not answer: see journalctl -u libvirtd',
    )
  }
  const before = await daemonPids()
  await openKvmToGroup()
  if (!before.has('virtlogd')) await startDaemon('virtlogd')
  await startDaemon('libvirtd')
  for (let i = 0; i < 100; i++) {
    if (await answers()) return { pids: await startedSince(before), stop: () => stopDaemons(before) }
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
async function openKvmToGroup(): Promise<void> {
  const device = await stat('/dev/kvm').catch(() => null)
  const line = (await readFile('/etc/group', 'utf8')).match(/^kvm:[^:]*:(\d+):/m)
  if (!device || !line || (device.mode & 0o060) === 0o060) return
  await chown('/dev/kvm', 0, Number(line[1]))
  await chmod('/dev/kvm', 0o660)
}

const pidFiles = { libvirtd: '/run/libvirtd.pid', virtlogd: '/run/virtlogd.pid' } as const

async function daemonPids(): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  for (const [name, file] of Object.entries(pidFiles)) {
    const pid = Number(await readFile(file, 'utf8').catch(() => ''))
    // A pid file outlives its daemon, and its number may be somebody else's by now.
    const command = pid > 0 ? await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '') : ''
    if (command.trim() === name) found.set(name, pid)
  }
  return found
}

async function startedSince(before: ReadonlyMap<string, number>): Promise<number[]> {
  return [...(await daemonPids())].filter(([name, pid]) => before.get(name) !== pid).map(([, pid]) => pid)
}

async function stopDaemons(before: ReadonlyMap<string, number>): Promise<void> {
  const list = await run('virsh', ['-q', '-c', 'qemu:///system', 'list', '--name'], { timeout: 10_000 })
  if (list.stdout.trim() !== '') return
  const now = await daemonPids()
  for (const [name, pid] of now) {
    if (before.get(name) === pid) continue
    process.kill(pid, 'SIGTERM')
    for (let i = 0; i < 50 && (await daemonPids()).get(name) === pid; i++) await sleep(100)
  }
}
