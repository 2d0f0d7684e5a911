// Serial consoles as Node's streams, on this side of the event thread.
import { Duplex } from 'node:stream'
import { HypervisorError } from '../../ports/hypervisor.ts'
import { toHypervisorError } from './failure.ts'
import type { ConsoleReport, ConsoleRequest } from './messages.ts'

/** Of what nobody has read yet; more is dropped, as on any serial line. */
const MAX_UNREAD_BYTES = 1 << 20

interface Line {
  readonly opened: PromiseWithResolvers<Duplex>
  readonly stream: Duplex
  written: (() => void) | null
  /** Its reader has let go before it was open, or the thread has said that it has ended. */
  over: boolean
}

export class ConsoleLines {
  readonly #post: (request: ConsoleRequest) => void
  readonly #lines = new Map<number, Line>()
  #nextId = 1

  constructor(post: (request: ConsoleRequest) => void) {
    this.#post = post
  }

  /** Rejects with HypervisorError. @param watch the watch whose connection it goes over. */
  open(watch: number, name: string): Promise<Duplex> {
    const console = this.#nextId++
    const line: Line = {
      opened: Promise.withResolvers(),
      stream: new Duplex({
        read: () => undefined, // it comes when it comes
        write: (bytes: Buffer, _, done) => {
          line.written = done
          this.#post({ kind: 'console-write', console, bytes })
        },
        destroy: (error, done) => {
          this.#lines.delete(console)
          if (!line.over) this.#post({ kind: 'console-close', console })
          done(error)
        },
      }),
      written: null,
      over: false,
    }
    this.#lines.set(console, line)
    this.#post({ kind: 'console-open', console, id: watch, name })
    return line.opened.promise
  }

  receive(report: ConsoleReport): void {
    const line = this.#lines.get(report.console)
    if (!line) return
    switch (report.kind) {
      case 'console-opened':
        line.opened.resolve(line.stream)
        return
      case 'console-failed':
        this.#end(line, toHypervisorError(report.error, 'open the console'))
        return
      case 'console-data':
        if (line.stream.readableLength < MAX_UNREAD_BYTES) line.stream.push(report.bytes)
        return
      case 'console-written': {
        const { written } = line
        line.written = null
        written?.()
        return
      }
      case 'console-ended':
        this.#end(line)
    }
  }

  /** The thread is gone, and every console with it. */
  died(error: HypervisorError): void {
    for (const line of [...this.#lines.values()]) this.#end(line, error)
  }

  /** Without an error for the stream itself: on a serial line there is none, only silence. */
  #end(line: Line, error = new HypervisorError('unavailable', 'The console ended as it was opened.')): void {
    line.over = true
    line.opened.reject(error)
    line.stream.push(null)
    line.stream.destroy()
  }
}
