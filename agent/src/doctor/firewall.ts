// What guests' networks are built with: a packet filter that the kernel takes rules from, and tc for their bandwidth.
import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { type Finding, fail, ok, unknown } from './finding.ts'
import type { Subject } from './subject.ts'

const RUN_MS = 20_000
const LATE = `no answer within ${RUN_MS / 1_000} s`

type Trial = { readonly tool: string; readonly args: readonly string[]; readonly stdin: string }
/** Neither changes anything: nft only checks what it is given, iptables only lists. */
const FILTERS: readonly Trial[] = [
  {
    tool: 'nft',
    args: ['-c', '-f', '-'],
    stdin:
      'add table inet decloud_doctor\nadd chain inet decloud_doctor c { type filter hook forward priority 0; }\n',
  },
  { tool: 'iptables', args: ['-w', '2', '-t', 'nat', '-n', '-L', 'POSTROUTING'], stdin: '' },
]

export const checkFirewall = async (subject: Subject): Promise<Finding[]> => {
  const check = 'firewall'
  if (subject.config().hypervisor === 'simulated') return [ok(check, 'not needed: guests are simulated')]
  const filters = FILTERS.filter(({ tool }) => find(tool, subject.path) !== null)
  const missing = [
    ...(filters.length === 0 ? ['nft (or iptables)'] : []),
    ...['tc', 'ip'].filter((tool) => find(tool, subject.path) === null),
  ]
  if (missing.length > 0) {
    const what = `this machine has no ${missing.join(', ')}: guests cannot be connected, nor held to their bandwidth`
    return [fail(check, 'firewall-missing', what, 'apt install nftables iptables iproute2')]
  }
  const tried = await Promise.all(filters.map((trial) => attempt(trial, subject)))
  const works = tried.find(({ refusal }) => refusal === null)
  if (works !== undefined)
    return [ok(check, `the kernel takes rules from ${works.tool}; tc and ip are there`)]
  const said = tried.map(({ tool, refusal }) => `${tool}: ${refusal}`).join('; ')
  if (tried.some(({ refusal }) => refusal === LATE)) return [unknown(check, 'firewall-slow', said)]
  const denied = tried.every(({ refusal }) =>
    /permission denied|not permitted|must be root/i.test(refusal ?? ''),
  )
  return denied
    ? [
        unknown(
          check,
          'firewall-denied',
          `this user may not ask the kernel (${said})`,
          'Run the doctor as root.',
        ),
      ]
    : [fail(check, 'firewall-refused', said, 'Load nf_tables, or run a kernel that has it.')]
}

/** Whether it can be run at all. */
const find = (tool: string, path: string): string | null =>
  path
    .split(':')
    .filter((folder) => folder.startsWith('/'))
    .map((folder) => join(folder, tool))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false // the next folder
      }
    }) ?? null

/** @returns `refusal` null when the kernel took it. */
const attempt = (
  { tool, args, stdin }: Trial,
  subject: Subject,
): Promise<{ tool: string; refusal: string | null }> =>
  new Promise((resolve) => {
    const file = find(tool, subject.path) ?? tool
    const options = { timeout: RUN_MS, signal: subject.signal, env: { LC_ALL: 'C', PATH: subject.path } }
    const child = execFile(file, [...args], options, (error, _, stderr) => {
      const first = stderr.trim().split('\n')[0]
      const why = error?.killed === true ? LATE : first || error?.message || ''
      resolve({ tool, refusal: error === null ? null : why })
    })
    child.stdin?.on('error', () => {}) // it refused before it had read all: its exit tells
    child.stdin?.end(stdin)
  })

export const checkImageTools = async (subject: Subject): Promise<Finding[]> => {
  const check = 'image tools'
  if (subject.config().hypervisor === 'simulated') return [ok(check, 'not needed: guests are simulated')]
  const missing = ['qemu-img', 'genisoimage'].filter((tool) => find(tool, subject.path) === null)
  return missing.length === 0
    ? [ok(check, 'qemu-img and genisoimage are there')]
    : [
        fail(
          check,
          'tools-missing',
          `there is no ${missing.join(', ')}: no guest can be set up`,
          'apt install qemu-utils genisoimage',
        ),
      ]
}
