import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { UPDATE_ACCESS } from '../../guest/access-update.ts'
import { HTTP_CHECK, TCP_CHECK } from '../../guest/service-scripts.ts'
import type { GuestExecResult, GuestStats } from '../../ports/hypervisor.ts'
import { digestOf, type Faults, type SimulatedDomain } from './machine.ts'

/** A UUID that changes with every boot. */
export function simulatedBootId(domain: SimulatedDomain): string {
  const hex = digestOf(domain, `boot ${domain.boots}`).toString('hex')
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
}

/** A device name that changes with every boot, as a kernel's does. */
export const simulatedTap = (domain: SimulatedDomain): string =>
  `sim${digestOf(domain, `tap ${domain.boots}`).toString('hex').slice(0, 10)}`

/** The one of its seed, as cloud-init would have it; else well-formed and stable for the life of the disk. */
function simulatedHostKey(domain: SimulatedDomain): string {
  const given = /"ed25519_public": "(ssh-ed25519 [A-Za-z0-9+/=]+)"/.exec(textOf(domain.spec.seedPath))?.[1]
  if (given !== undefined) return given
  const type = Buffer.from('ssh-ed25519')
  const length = (n: number) => Buffer.from([0, 0, 0, n])
  const blob = Buffer.concat([
    length(type.length),
    type,
    length(32),
    digestOf(domain, `host key ${contents(domain)}`),
  ])
  return `ssh-ed25519 ${blob.toString('base64')}`
}

/** What is on the disk decides, as with a real guest; a simulated domain without a disk file has one key for life. */
function contents(domain: SimulatedDomain): string {
  const text = textOf(domain.spec.diskPath)
  return text === '' ? '' : createHash('sha256').update(text).digest('hex')
}

/** Empty for a file that is not there. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function files(
  domain: SimulatedDomain,
  cloudInitErrors: readonly string[],
): Readonly<Record<string, string>> {
  return {
    '/run/cloud-init/result.json': JSON.stringify({
      v1: { datasource: 'DataSourceNoCloud', errors: cloudInitErrors },
    }),
    '/etc/ssh/ssh_host_ed25519_key.pub': `${simulatedHostKey(domain)} root@guest\n`,
    '/proc/sys/kernel/random/boot_id': `${simulatedBootId(domain)}\n`,
    // No sockets of its own: every port is dialled.
    '/proc/net/tcp': '',
    '/proc/net/tcp6': '',
  }
}

/** The programs a simulated guest has; null for one that it has not, 'hangs' for one that outlasts its deadline. */
export function simulateExec(
  domain: SimulatedDomain,
  [path, ...args]: readonly [string, ...string[]],
  { cloudInitErrors, services }: Pick<Faults, 'cloudInitErrors' | 'services'>,
  { timeoutMs, input }: { timeoutMs: number; input: string },
): GuestExecResult | 'hangs' | null {
  const done = (exitCode: number, stdout = '', stderr = ''): GuestExecResult => ({ exitCode, stdout, stderr })
  switch (path) {
    case 'cat': {
      if (args.length === 0) return done(0, input)
      const known = files(domain, cloudInitErrors)
      const missing = args.find((name) => known[name] === undefined)
      if (missing !== undefined) return done(1, '', `cat: ${missing}: No such file or directory\n`)
      return done(0, args.map((name) => known[name]).join(''))
    }
    case 'echo':
      return done(0, `${args.join(' ')}\n`)
    case 'true':
      return done(0)
    case 'false':
      return done(1)
    case '/bin/sh': {
      // The agent's own checks, and no other script.
      const [, , name, ...given] = args
      const port = Number(given[name === HTTP_CHECK ? 1 : 0])
      const status = services[port] ?? 200
      if (name === HTTP_CHECK) return done(status >= 200 && status < 300 ? 0 : 1, `${status || ''}\n`)
      if (name === TCP_CHECK) return done(status === 0 ? 1 : 0)
      if (name === UPDATE_ACCESS) return done(0)
      return null
    }
    case 'sleep':
      return Number(args[0]) * 1000 > timeoutMs ? 'hangs' : done(0)
    default:
      return null
  }
}

/** An idle guest: a tenth of a processor, half of its memory, a little of everything else, in step with its uptime. */
export const simulatedStats = ({ spec, startedAt }: SimulatedDomain, nowMs: number): GuestStats => {
  const seconds = startedAt === null ? 0 : Math.max(0, nowMs - startedAt) / 1_000
  const whole = Math.floor(seconds)
  const disk = { readBytes: 512 * whole, writtenBytes: 4_096 * whole }
  const net = {
    receivedBytes: 100 * whole,
    sentBytes: 100 * whole,
    receivedPackets: whole,
    sentPackets: whole,
  }
  return {
    leaseId: spec.leaseId,
    cpuSeconds: 0.1 * seconds,
    memoryBytes: spec.memoryMiB * 2 ** 19,
    disk: { ...disk, readRequests: 1 + whole, writeRequests: whole },
    net: { ...net, droppedPackets: 0 },
  }
}
