import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { type GuestExecResult, type GuestInterface, HypervisorError } from '../../ports/hypervisor.ts'
import { virErr } from './failure.ts'
import type { WorkerPool } from './worker-pool.ts'

const execStarted = z.object({ pid: z.number() })
const execStatus = z.object({
  exited: z.boolean(),
  exitcode: z.number().optional(),
  'out-data': z.string().optional(),
  'err-data': z.string().optional(),
})
const interfaceList = z.array(
  z.object({
    name: z.string(),
    'hardware-address': z.string().optional(),
    'ip-addresses': z.array(z.object({ 'ip-address': z.string(), 'ip-address-type': z.string() })).optional(),
  }),
)

const QUICK_MS = 5_000
const POLL_MS = [10, 20, 40, 80, 160]

/** The protocol of qemu-guest-agent. What a guest answers is untrusted: each reply is parsed by a schema. */
export class GuestAgent {
  readonly #pool: WorkerPool

  constructor(pool: WorkerPool) {
    this.#pool = pool
  }

  async ping(domain: string, timeoutMs: number): Promise<void> {
    await this.#command(domain, z.object({}), { execute: 'guest-ping' }, timeoutMs)
  }

  async exec(
    domain: string,
    argv: readonly [string, ...string[]],
    timeoutMs: number,
    input = '',
  ): Promise<GuestExecResult> {
    const deadline = Date.now() + timeoutMs
    const [path, ...arg] = argv
    const stdin = input === '' ? {} : { 'input-data': Buffer.from(input).toString('base64') }
    const start = { execute: 'guest-exec', arguments: { path, arg, 'capture-output': true, ...stdin } }
    const { pid } = await this.#command(domain, execStarted, start, Math.min(timeoutMs, QUICK_MS))
    for (let poll = 0; ; poll++) {
      const query = { execute: 'guest-exec-status', arguments: { pid } }
      const status = await this.#command(domain, execStatus, query, QUICK_MS)
      if (status.exited) {
        return {
          exitCode: status.exitcode ?? null,
          stdout: fromBase64(status['out-data']),
          stderr: fromBase64(status['err-data']),
        }
      }
      const left = deadline - Date.now()
      if (left <= 0) {
        throw new HypervisorError(
          'timeout',
          `${path} was still running in the guest after ${timeoutMs / 1000} s.`,
        )
      }
      await sleep(Math.min(left, POLL_MS[poll] ?? 250))
    }
  }

  /** null while the agent does not answer. */
  async interfaces(domain: string): Promise<readonly GuestInterface[] | null> {
    const reported = await orNull(
      this.#command(domain, interfaceList, { execute: 'guest-network-get-interfaces' }, QUICK_MS),
    )
    if (reported === null) return null
    return reported
      .filter(({ name }) => name !== 'lo')
      .map((entry) => ({
        name: entry.name,
        mac: entry['hardware-address'] ?? '',
        ipv4: addresses(entry['ip-addresses'], 'ipv4').filter((ip) => !ip.startsWith('169.254.')),
        ipv6: addresses(entry['ip-addresses'], 'ipv6').filter((ip) => !/^fe[89ab]/i.test(ip)),
      }))
  }

  /** null while the agent does not answer. */
  async bootId(domain: string): Promise<string | null> {
    const read = await orNull(this.exec(domain, ['cat', '/proc/sys/kernel/random/boot_id'], QUICK_MS))
    return read?.exitCode === 0 ? read.stdout.trim() : null
  }

  async #command<T>(domain: string, schema: z.ZodType<T>, command: object, timeoutMs: number): Promise<T> {
    // libvirt counts whole seconds; the pool's own deadline leaves it room to answer first.
    const seconds = Math.max(1, Math.ceil(timeoutMs / 1000))
    let reply: string
    try {
      const args: [string, string, number] = [domain, JSON.stringify(command), seconds]
      reply = await this.#pool.call(
        'agent',
        args,
        `reach the guest agent of ${domain}`,
        seconds * 1000 + 5_000,
      )
    } catch (error) {
      throw agentError(error)
    }
    const parsed = z.object({ return: schema }).safeParse(JSON.parse(reply))
    if (parsed.success) return parsed.data.return
    throw new HypervisorError('agent-error', `The guest agent of ${domain} answered in an unknown shape.`, {
      cause: parsed.error,
    })
  }
}

/** libvirt passes on the guest agent's own refusals as internal errors, and says "not running" as a wrong state. */
function agentError(error: unknown): unknown {
  if (!(error instanceof HypervisorError)) return error
  const options = { cause: error, detail: error.detail }
  if (error.code === 'wrong-state') return new HypervisorError('agent-not-ready', error.message, options)
  if (error.code === 'refused' && error.detail['libvirtCode'] === virErr.internalError) {
    return new HypervisorError('agent-error', error.message, options)
  }
  return error
}

async function orNull<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise
  } catch (error) {
    if (error instanceof HypervisorError && error.code === 'agent-not-ready') return null
    throw error
  }
}

function fromBase64(text: string | undefined): string {
  return Buffer.from(text ?? '', 'base64').toString('utf8')
}

function addresses(
  list: readonly { 'ip-address': string; 'ip-address-type': string }[] | undefined,
  type: string,
) {
  return (list ?? []).filter((entry) => entry['ip-address-type'] === type).map((entry) => entry['ip-address'])
}
