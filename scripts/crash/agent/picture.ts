// What is on the machine, read with the machine's own tools: the agent's and its driver's word counts for nothing here.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hex } from 'viem'
import { startTimeOf } from '../../lib/leftovers.ts'
import { run, virsh } from '../../lib/own-libvirtd.ts'

export type Guest = {
  /** All domains of the lease: two would be a double define. */
  domains: readonly string[]
  /** The process as `pid:start time`, so that a pid used again is not taken for the same one. */
  qemu: string | null
  /** How often libvirt has started a QEMU for it, by libvirt's own log. */
  starts: number
  bootId: string | null
}

export type Picture = {
  guests: ReadonlyMap<Hex, Guest>
  /** Everything else that a guest could leave, one line each; what guests explain is told in the line. */
  remains: readonly string[]
}

export type Places = { dataDir: string; network: string; instance: string }

const lines = (text: string) => text.split('\n').filter((line) => line.trim() !== '')

/** @param leaseIds whose guests are looked at even when nothing of them is there. */
export const takePicture = async (places: Places, leaseIds: Iterable<Hex>): Promise<Picture> => {
  const [names, qemus] = await Promise.all([virsh('list', '--all', '--name').then(lines), readQemus()])
  const guests = new Map<Hex, Guest>()
  const found = names.flatMap((name) => leaseOf(places, name) ?? [])
  for (const leaseId of new Set([
    ...leaseIds,
    ...found,
    ...qemus.flatMap(({ name }) => leaseOf(places, name) ?? []),
  ])) {
    const domains = names.filter((name) => leaseOf(places, name) === leaseId)
    const running = qemus.filter(({ name }) => leaseOf(places, name) === leaseId)
    guests.set(leaseId, {
      domains,
      qemu: running.length === 0 ? null : running.map(({ id }) => id).join(' and '),
      starts: await startsOf(places, leaseId),
      bootId: running.length === 0 ? null : await bootIdOf(domains[0]),
    })
  }
  return { guests, remains: (await Promise.all(READERS.map((read) => read(places)))).flat().sort() }
}

const leaseOf = ({ instance }: Places, name: string): Hex | null => {
  const prefix = `decloud-${instance}-`
  return name.startsWith(prefix) ? `0x${name.slice(prefix.length)}` : null
}

export type Qemu = { pid: number; id: string; name: string }

export const readQemus = async (): Promise<readonly Qemu[]> => {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const all = await Promise.all(
    pids.map(async (pid) => {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      const name = /^\S*qemu-system.*\0guest=([^,\0]+)/s.exec(command)?.[1]
      return name === undefined ? [] : [{ pid, id: `${pid}:${await startTimeOf(pid)}`, name }]
    }),
  )
  return all.flat()
}

const startsOf = async ({ instance }: Places, leaseId: Hex): Promise<number> => {
  const log = `/var/log/libvirt/qemu/decloud-${instance}-${leaseId.slice(2)}.log`
  const text = await readFile(log, 'utf8').catch(() => '') // never started: no log
  return text.match(/: starting up libvirt version/g)?.length ?? 0
}

/** By the guest's own kernel; null while its agent does not answer. */
const bootIdOf = async (domain: string | undefined): Promise<string | null> => {
  if (domain === undefined) return null
  const ask = async (execute: string, args: object) =>
    JSON.parse(
      await virsh(
        'qemu-agent-command',
        domain,
        '--timeout',
        '5',
        JSON.stringify({ execute, arguments: args }),
      ),
    ).return
  try {
    const handle = await ask('guest-file-open', { path: '/proc/sys/kernel/random/boot_id' })
    const read = await ask('guest-file-read', { handle })
    await ask('guest-file-close', { handle })
    return Buffer.from(read['buf-b64'], 'base64').toString('utf8').trim()
  } catch {
    return null // booting, going off, or libvirtd is: the next picture decides
  }
}

type Reader = (places: Places) => Promise<readonly string[]>

/** Links besides those of running guests. A tap is explained by a live domain, an IFB by a tap that redirects to it. */
const links: Reader = async () => {
  const all = (JSON.parse(await run('ip', '-j', 'link')) as { ifname: string }[]).map((link) => link.ifname)
  const running = lines(await virsh('list', '--name'))
  const taps = (await Promise.all(running.map((name) => virsh('domiflist', name).catch(() => ''))))
    .flatMap(lines)
    .map((line) => line.trim().split(/\s+/)[0]!)
  const redirects = await Promise.all(
    taps.map((tap) => run('tc', 'filter', 'show', 'dev', tap, 'parent', 'ffff:').catch(() => '')),
  )
  const explained = new Set([
    ...taps,
    ...redirects.flatMap((text) => [...text.matchAll(/to device (\S+?)\)/g)].map((match) => match[1]!)),
  ])
  return all.filter((name) => !explained.has(name)).map((name) => `link ${name}`)
}

/** Of what outlives a guest: the rules of a tap go with it. */
const trafficControl: Reader = async () =>
  lines(await run('tc', 'qdisc', 'show'))
    .filter((line) => !/ dev (vnet|tap|ifb|dq)\S* /.test(line) && !/ dev \S*ifb\S* /.test(line))
    .map((line) => `tc ${line.replace(/refcnt \d+/, '').trim()}`)

/** Whose addresses the host was told; a guest that runs has one, as it has a reservation. */
const neighbours: Reader = async () =>
  lines(await run('ip', 'neigh', 'show', 'nud', 'permanent')).flatMap((line) => {
    const mac = / lladdr (\S+)/.exec(line)?.[1]
    return mac === undefined ? [] : [`neighbour ${mac}`]
  })

const firewall: Reader = async () => {
  const tables = await Promise.all([run('iptables-save'), run('ip6tables-save').catch(() => '')])
  return tables
    .flatMap(lines)
    .filter((line) => line.startsWith('-A') || line.startsWith('-N'))
    .map((line) => `firewall ${line}`)
}

const reservations: Reader = async ({ network }) =>
  [...(await virsh('net-dumpxml', network)).matchAll(/<host mac='([^']+)'/g)].map(
    (match) => `reservation ${match[1]}`,
  )

/** One line a file, hidden and half-written ones too; leases by their first eight digits. */
const filesIn =
  (folder: string): Reader =>
  async ({ dataDir }) =>
    (await readdir(join(dataDir, folder)).catch(() => [])).map((name) => `${folder} ${shortened(name)}`)

const shortened = (name: string) =>
  name.replace(/[0-9a-f]{64}/, (id) => id.slice(0, 8)).replace(/(\.\d{9,})+\./, '.')

/**
 * By lease: libvirt counts its guests and puts the number into the name. Those without a process are libvirt's own: it
 * forgets the groups of a guest that went off while libvirtd was not there.
 */
const cgroups: Reader = async ({ instance }) => {
  const found = lines(await run('find', '/sys/fs/cgroup', '-path', `*${instance}-*`, '-name', 'cgroup.procs'))
  const inUse = await Promise.all(
    found.map(async (path) => (await readFile(path, 'utf8').catch(() => '')) !== ''),
  )
  const leases = found
    .filter((_, nth) => inUse[nth])
    .map((path) => path.split(`${instance}-`)[1]!.slice(0, 8))
  return [...new Set(leases)].map((lease) => `cgroup ${lease}`)
}

/** Helpers that outlive who started them: a half-made disk or seed is still being written. */
const processes: Reader = async () => {
  const names = lines(await run('ps', '-eo', 'comm='))
    .map((name) => name.trim())
    .filter((name) => /^(qemu-img|genisoimage|dnsmasq|libvirtd|virtlogd)$/.test(name))
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts].map(([name, count]) => `process ${name} × ${count}`)
}

const READERS: readonly Reader[] = [
  links,
  trafficControl,
  neighbours,
  firewall,
  reservations,
  filesIn('disks'),
  filesIn('seeds'),
  cgroups,
  processes,
]
