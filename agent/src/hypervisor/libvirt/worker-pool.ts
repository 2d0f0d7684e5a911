import { Worker } from 'node:worker_threads'
import { HypervisorError } from '../../ports/hypervisor.ts'
import { toHypervisorError } from './failure.ts'
import type { RpcReply, RpcRequest } from './messages.ts'
import type { OperationArgs, OperationName, OperationResult } from './operations.ts'

interface Call {
  readonly id: number
  readonly operation: OperationName
  readonly args: readonly unknown[]
  /** Completes "libvirt could not …". */
  readonly action: string
  readonly timer: NodeJS.Timeout
  readonly resolve: (value: unknown) => void
  readonly reject: (error: HypervisorError) => void
}

interface Lane {
  readonly worker: Worker
  current: Call | null
}

const CLOSE_DEADLINE_MS = 5_000

/** Threads that each hold one connection; a call goes to an idle one, else it waits its turn. */
export class WorkerPool {
  readonly #uri: string
  readonly #size: number
  readonly #lanes = new Set<Lane>()
  readonly #queue: Call[] = []
  #nextId = 1
  #closed = false

  constructor(uri: string, size: number) {
    this.#uri = uri
    this.#size = size
  }

  /** Rejects with HypervisorError, with `timeout` at the latest after `deadlineMs`, waiting in the queue included. */
  call<K extends OperationName>(
    operation: K,
    args: OperationArgs<K>,
    action: string,
    deadlineMs: number,
  ): Promise<OperationResult<K>> {
    if (this.#closed) return Promise.reject(closedError())
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const id = this.#nextId++
    const timer = setTimeout(() => this.#expire(id), deadlineMs)
    this.#queue.push({ id, operation, args, action, timer, resolve, reject })
    this.#dispatch()
    // The worker runs exactly the operation named by K: the reply's type follows from it.
    return promise as Promise<OperationResult<K>>
  }

  /** Pending calls are rejected; resolves when the threads have given their connections back. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const call of this.#queue.splice(0)) settle(call, closedError())
    const lanes = [...this.#lanes]
    this.#lanes.clear()
    await Promise.all(lanes.map((lane) => retire(lane)))
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const lane = [...this.#lanes].find(({ current }) => !current) ?? this.#addLane()
      const call = lane ? this.#queue.shift() : undefined
      if (!lane || !call) return
      lane.current = call
      const { id, operation, args } = call
      lane.worker.postMessage({ kind: 'call', id, operation, args } satisfies RpcRequest)
    }
  }

  #addLane(): Lane | null {
    if (this.#lanes.size >= this.#size) return null
    const worker = new Worker(new URL('./rpc-worker.ts', import.meta.url), { workerData: { uri: this.#uri } })
    const lane: Lane = { worker, current: null }
    this.#lanes.add(lane)
    worker.on('message', (reply: RpcReply) => this.#receive(lane, reply))
    worker.on('error', (cause) => this.#died(lane, cause))
    worker.on('exit', () => this.#died(lane, undefined))
    return lane
  }

  #receive(lane: Lane, reply: RpcReply): void {
    const call = lane.current
    lane.current = null
    if (call)
      settle(
        call,
        reply.ok ? null : toHypervisorError(reply.error, call.action),
        reply.ok ? reply.value : undefined,
      )
    this.#dispatch()
  }

  #died(lane: Lane, cause: unknown): void {
    if (!this.#lanes.delete(lane) || !lane.current) return
    settle(
      lane.current,
      new HypervisorError('unavailable', `The libvirt thread died while it was to ${lane.current.action}.`, {
        cause,
      }),
    )
    this.#dispatch()
  }

  /** A thread that is stuck inside libvirt cannot be interrupted: it is abandoned, and a new one takes its place. */
  #expire(id: number): void {
    const late = (call: Call) => new HypervisorError('timeout', `libvirt did not ${call.action} in time.`)
    const queued = this.#queue.findIndex((call) => call.id === id)
    if (queued >= 0) for (const call of this.#queue.splice(queued, 1)) settle(call, late(call))
    for (const lane of this.#lanes) {
      if (lane.current?.id !== id) continue
      this.#lanes.delete(lane)
      settle(lane.current, late(lane.current))
      lane.worker.unref()
      void lane.worker.terminate()
    }
    this.#dispatch()
  }
}

function closedError(): HypervisorError {
  return new HypervisorError('closed', 'This libvirt client has been closed.')
}

function settle(call: Call, error: HypervisorError | null, value?: unknown): void {
  clearTimeout(call.timer)
  if (error) call.reject(error)
  else call.resolve(value)
}

async function retire(lane: Lane): Promise<void> {
  const exited = new Promise<void>((resolve) => lane.worker.once('exit', () => resolve()))
  if (lane.current) settle(lane.current, closedError())
  lane.current = null
  lane.worker.postMessage({ kind: 'close' } satisfies RpcRequest)
  const timer = setTimeout(() => {
    lane.worker.unref()
    void lane.worker.terminate()
  }, CLOSE_DEADLINE_MS)
  await Promise.race([
    exited,
    new Promise<void>((resolve) => setTimeout(resolve, CLOSE_DEADLINE_MS + 500).unref()),
  ])
  clearTimeout(timer)
}
