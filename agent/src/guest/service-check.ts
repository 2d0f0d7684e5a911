// One look at one service of a guest, through its guest agent alone: no network path to the guest is needed, and none is
// trusted. What a guest answers is its tenant's word, shown to that tenant.
import type { ReadinessCheck } from '@decloud/protocol'
import type { Hex } from 'viem'
import type { Observation } from '../domain/readiness.ts'
import { type Hypervisor, HypervisorError } from '../ports/hypervisor.ts'
import {
  EXEC_CHECK,
  EXEC_SCRIPT,
  HTTP_CHECK,
  HTTP_SCRIPT,
  NO_TOOL,
  TCP_CHECK,
  TCP_SCRIPT,
} from './service-scripts.ts'

/** Whole seconds that a page, a connection and a program have to answer in. */
type AnswerLimits = { readonly http: number; readonly tcp: number; readonly exec: number }
const ANSWER: AnswerLimits = { http: 5, tcp: 5, exec: 10 }
/** Beyond the guest's own limit, so that the guest is the one that ends what hangs. */
const SLACK_MS = 4_000
const SHOWN = 200

type Asked = Pick<Hypervisor, 'exec'>

const UP: Observation = { kind: 'up' }
const down = (message: string): Observation => ({ kind: 'down', message })
const unknown = (message: string): Observation => ({ kind: 'unknown', message })

/** Printable and short: it goes into reports as it stands. */
const shown = (text: string): string =>
  text
    .replace(/[^\x21-\x7e]+/g, ' ')
    .trim()
    .slice(0, SHOWN)

const LISTENING = '0A'

/** Whether a table of /proc/net/tcp or tcp6 has a listener on the port. Pure. */
export const listensOn = (table: string, port: number): boolean =>
  table.split('\n').some((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/)
    return state === LISTENING && Number.parseInt(local.split(':')[1] ?? '', 16) === port
  })

/** What the answers of the HTTP script say; the last one is the one that is told. Pure. */
export const readAnswers = (stdout: string, path: string): Observation => {
  const statuses = stdout
    .split('\n')
    .map((line) => /^(?:HTTP\/[\d.]+ +)?(\d{3})\b/.exec(line)?.[1])
    .filter((status) => status !== undefined && status !== '000')
  if (statuses.some((status) => status?.startsWith('2'))) return UP
  const last = statuses.at(-1)
  return down(last === undefined ? `${path} does not answer` : `${path} answers ${last}, not 2xx`)
}

const run = (asked: Asked, leaseId: Hex, script: string, name: string, seconds: number, args: string[]) =>
  asked.exec(leaseId, ['/bin/sh', '-c', script, name, ...args], seconds * 1_000 + SLACK_MS)

const NO_WAY = 'the guest has none of the programs that could ask'

const checkHttp = async (
  asked: Asked,
  leaseId: Hex,
  { scheme, port, path }: Extract<ReadinessCheck, { kind: 'HttpGet' }>,
  hosts: readonly string[],
  wait: number,
): Promise<Observation> => {
  const args = [scheme, String(port), path, String(wait), ...hosts]
  // Each host may take the whole time.
  const seconds = wait * hosts.length
  const { exitCode, stdout } = await run(asked, leaseId, HTTP_SCRIPT, HTTP_CHECK, seconds, args)
  return exitCode === NO_TOOL ? unknown(NO_WAY) : readAnswers(stdout, path)
}

const checkTcp = async (
  asked: Asked,
  leaseId: Hex,
  port: number,
  hosts: readonly string[],
  wait: number,
): Promise<Observation> => {
  // The kernel's own tables need no tool at all; a port that is only forwarded is in none of them and has to be dialled.
  const tables = await asked.exec(leaseId, ['cat', '/proc/net/tcp', '/proc/net/tcp6'], wait * 1_000)
  if (listensOn(tables.stdout, port)) return UP
  const args = [String(port), String(wait), ...hosts]
  const seconds = wait * hosts.length
  const { exitCode } = await run(asked, leaseId, TCP_SCRIPT, TCP_CHECK, seconds, args)
  return exitCode === 0 ? UP : down(`nothing listens on port ${port}`)
}

const checkExec = async (
  asked: Asked,
  leaseId: Hex,
  command: readonly string[],
  wait: number,
): Promise<Observation> => {
  const args = [String(wait), ...command]
  const { exitCode, stdout, stderr } = await run(asked, leaseId, EXEC_SCRIPT, EXEC_CHECK, wait, args)
  if (exitCode === 0) return UP
  const program = shown(command[0] ?? '')
  // What `timeout` exits with when it had to end the program: 124, or 143 in busybox.
  if (exitCode === 124 || exitCode === 143) return down(`${program} does not end within ${wait} s`)
  const said = shown(stderr) || shown(stdout)
  return down(`${program} ends with ${exitCode ?? 'a signal'}${said === '' ? '' : `: ${said}`}`)
}

/**
 * @param ipv4 the guest's own address: a service may listen there and not on loopback.
 * @throws HypervisorError when the hypervisor itself fails; a guest that does not answer is `unknown`.
 */
export const checkService = async (
  asked: Asked,
  leaseId: Hex,
  check: ReadinessCheck,
  ipv4: string,
  limits = ANSWER,
): Promise<Observation> => {
  const hosts = ['127.0.0.1', ipv4]
  try {
    switch (check.kind) {
      case 'none':
      case 'CloudInitDone':
        return UP
      case 'TcpPort':
        return await checkTcp(asked, leaseId, check.port, hosts, limits.tcp)
      case 'HttpGet':
        return await checkHttp(asked, leaseId, check, hosts, limits.http)
      case 'ExecCommand':
        return await checkExec(asked, leaseId, check.command, limits.exec)
    }
  } catch (error) {
    if (!(error instanceof HypervisorError)) throw error
    if (error.code === 'timeout') return down('the guest does not answer in time')
    if (error.code === 'agent-not-ready') return unknown('the guest agent does not answer')
    if (error.code === 'agent-error') return unknown('the guest agent cannot run the check')
    throw error
  }
}
