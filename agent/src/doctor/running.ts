// The agent that works on this data folder, if one does: who holds its lock, and what it says of itself.
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { sentenceOf } from '@decloud/protocol'
import { z } from 'zod'
import { type Finding, fail, ok, unknown, warn } from './finding.ts'
import type { Subject } from './subject.ts'

const ANSWER_MS = 5_000

/** Of POSIX locks as the kernel lists them: the one who holds a file, without trying to lock it. */
const holderOf = (root: string, path: string): number | null => {
  const inode = inodeOf(path)
  if (inode === null) return null
  for (const line of readFileSync(join(root, 'proc/locks'), 'utf8').split('\n')) {
    // 1: POSIX ADVISORY WRITE <pid> <major>:<minor>:<inode> <from> <to>; `->` marks one who waits.
    const [, kind, , , pid, place] = line.trim().split(/\s+/)
    if (kind === 'POSIX' && place?.split(':')[2] === inode) return Number(pid)
  }
  return null
}

const inodeOf = (path: string): string | null => {
  try {
    return String(statSync(path, { bigint: true }).ino)
  } catch {
    return null // never started here: nobody holds what is not there
  }
}

/** Process id of the agent on this folder; null for none. */
export const agentOn = (subject: Subject): number | null =>
  holderOf(subject.root, join(subject.config().dataDir, 'agent.lock'))

// Only what is looked at here; the agent says more.
const healthSchema = z.object({
  status: z.string(),
  node: z.int(),
  chain: z.object({ feed: z.string(), error: z.string().nullable() }),
  beats: z.object({ error: z.string().nullable() }).nullable().optional(),
})
export type Said = z.output<typeof healthSchema>

/** @throws whatever keeps it from answering. */
export const askRunning = async (subject: Subject): Promise<Said> => {
  const { apiPort, apiHost = '127.0.0.1', dataDir } = subject.config()
  const host = apiHost === '0.0.0.0' ? '127.0.0.1' : apiHost.includes(':') ? '[::1]' : apiHost
  const token = tokenIn(join(dataDir, 'operator-token'))
  const response = await fetch(`http://${host}:${apiPort}/health`, {
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
    signal: AbortSignal.any([subject.signal, AbortSignal.timeout(ANSWER_MS)]),
  })
  return healthSchema.parse(await response.json())
}

const tokenIn = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return null // an agent that was never started has made none
  }
}

export const checkAgent = async (subject: Subject): Promise<Finding[]> => {
  const check = 'agent'
  const pid = agentOn(subject)
  if (pid === null)
    return [warn(check, 'agent-down', 'no agent runs on this data folder', 'Start it: decloud-node run')]
  const { apiPort, node } = subject.config()
  if (apiPort === 0) return [ok(check, `process ${pid} runs on this data folder, at a port of its choice`)]
  try {
    const said = await askRunning(subject)
    if (said.node !== node) {
      const what = `process ${pid} runs on this data folder as node ${said.node}, the configuration says ${node}`
      return [fail(check, 'agent-other', what, 'Stop it, or look which configuration it was started with.')]
    }
    return [ok(check, `process ${pid} runs as node ${node}: ${said.status}`)]
  } catch (error) {
    const what = `process ${pid} works on this data folder, and does not answer on port ${apiPort}: ${sentenceOf(error)}`
    return [unknown(check, 'agent-silent', what, 'See its log: decloud-node logs')]
  }
}

/** Listening sockets as the kernel lists them: no port is tried, so that none is taken from an agent that starts. */
export const checkPort = async (subject: Subject): Promise<Finding[]> => {
  const check = 'API port'
  const { apiPort } = subject.config()
  if (apiPort === 0) return [ok(check, 'any free one')]
  if (!listens(subject.root, apiPort)) return [ok(check, `127.0.0.1:${apiPort} is free`)]
  if (agentOn(subject) !== null && (await isOurs(subject)))
    return [ok(check, `127.0.0.1:${apiPort} is the agent's`)]
  const todo = `See who: ss -ltnp 'sport = :${apiPort}'. Stop it, or set another DECLOUD_API_PORT.`
  return [fail(check, 'port-taken', `another program listens on port ${apiPort}`, todo)]
}

const isOurs = (subject: Subject): Promise<boolean> =>
  askRunning(subject).then(
    ({ node }) => node === subject.config().node,
    () => false, // whoever listens there does not speak as an agent does
  )

const LISTEN = '0A'
/** As proc writes addresses: 32-bit words, each in the machine's own byte order; here little-endian. */
const LOCAL: ReadonlySet<string> = new Set([
  '0100007F',
  '00000000',
  '0'.repeat(32),
  '0000000000000000FFFF00000100007F',
])

const listens = (root: string, port: number): boolean => {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  return ['tcp', 'tcp6'].some((table) =>
    tableOf(join(root, 'proc/net', table)).some((line) => {
      const [, local = '', , state] = line.trim().split(/\s+/)
      const [address = '', at] = local.split(':')
      return state === LISTEN && at === wanted && LOCAL.has(address)
    }),
  )
}

const tableOf = (path: string): readonly string[] => {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(1)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [] // a kernel without IPv6
    throw error
  }
}
