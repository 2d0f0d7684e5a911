import type { Duplex } from 'node:stream'
import { Worker } from 'node:worker_threads'
import { HypervisorError } from '../../ports/hypervisor.ts'
import { ConsoleLines } from './console.ts'
import { toHypervisorError } from './failure.ts'
import type { EventReport, EventRequest, WatchReport } from './messages.ts'

interface Watcher {
  readonly onReport: (report: WatchReport) => void
  readonly opened: PromiseWithResolvers<void>
  readonly ended: PromiseWithResolvers<void>
}

const OPEN_DEADLINE_MS = 30_000
const CLOSE_DEADLINE_MS = 5_000

async function within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new HypervisorError('timeout', `libvirt did not ${what} within ${ms / 1000} s`)),
      ms,
    )
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

export interface Watch {
  /** Rejects with HypervisorError. */
  openConsole(domain: string): Promise<Duplex>
  end(): Promise<void>
}

/** libvirt's event loop belongs to the process, so its thread does too: it lives while there are watchers. */
class EventHub {
  #worker: Worker | null = null
  #nextId = 1
  readonly #watchers = new Map<number, Watcher>()
  readonly #consoles = new ConsoleLines((request) => this.#worker?.postMessage(request))

  /** Resolves once events flow. Rejects with HypervisorError. */
  async watch(uri: string, onReport: (report: WatchReport) => void): Promise<Watch> {
    const id = this.#nextId++
    const watcher: Watcher = { onReport, opened: Promise.withResolvers(), ended: Promise.withResolvers() }
    this.#watchers.set(id, watcher)
    this.#post({ kind: 'watch', id, uri })
    try {
      await within(watcher.opened.promise, OPEN_DEADLINE_MS, `open ${uri}`)
    } catch (error) {
      this.#forget(id)
      throw error
    }
    return {
      openConsole: (domain) => {
        const opened = this.#consoles.open(id, domain)
        return within(opened, OPEN_DEADLINE_MS, `open the console of ${domain}`).catch((error: unknown) => {
          // One that opens after all has no reader any more.
          opened.then(
            (late) => late.destroy(),
            () => undefined, // it is the error that is thrown
          )
          throw error
        })
      },
      end: async () => {
        if (!this.#watchers.has(id)) return
        this.#post({ kind: 'unwatch', id })
        await within(watcher.ended.promise, CLOSE_DEADLINE_MS, 'end its event subscription').finally(() =>
          this.#forget(id),
        )
      },
    }
  }

  #post(request: EventRequest): void {
    this.#worker ??= this.#spawn()
    this.#worker.postMessage(request)
  }

  #spawn(): Worker {
    const worker = new Worker(new URL('./event-worker.ts', import.meta.url))
    worker.on('message', (report: EventReport) => this.#receive(report))
    worker.on('error', (cause) => this.#died(worker, cause))
    return worker
  }

  #receive(report: EventReport): void {
    if ('console' in report) {
      this.#consoles.receive(report)
      return
    }
    const watcher = this.#watchers.get(report.id)
    if (!watcher) return
    if (report.kind === 'watching') watcher.opened.resolve()
    else if (report.kind === 'failed')
      watcher.opened.reject(toHypervisorError(report.error, 'open the event connection'))
    else if (report.kind === 'unwatched') watcher.ended.resolve()
    else watcher.onReport(report)
  }

  #died(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return
    this.#worker = null
    const error = new HypervisorError('unavailable', 'The thread that receives libvirt events died.', {
      cause,
    })
    for (const [id, watcher] of this.#watchers) {
      watcher.opened.reject(error)
      watcher.ended.resolve()
      watcher.onReport({ kind: 'lost', id })
    }
    this.#watchers.clear()
    this.#consoles.died(error)
  }

  #forget(id: number): void {
    this.#watchers.delete(id)
    if (this.#watchers.size > 0 || !this.#worker) return
    this.#worker.postMessage({ kind: 'stop' } satisfies EventRequest)
    this.#worker = null
  }
}

export const eventHub = new EventHub()
