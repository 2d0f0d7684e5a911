// Serial consoles on the event thread: libvirt's streams do not block there, and its loop says when one has something.
import { type Handle, ok, present, virDomain, virEvent, virStream } from './bindings.ts'
import { fieldsOf, LibvirtFailure } from './failure.ts'
import type { ConsoleReport, ConsoleRequest } from './messages.ts'
import { withDomain } from './with-domain.ts'

const NONBLOCK = 1
/** Whoever reads it now is disconnected. */
const FORCE = 1
const READABLE = 1
const WRITABLE = 2
const BROKEN = 4 | 8 // error, hang-up
const NOT_NOW = -2
const BLOCK_BYTES = 64 * 1024
/** A guest that prints without end does not keep the loop from its other work. */
const BLOCKS_AT_ONCE = 8

type Console = {
  readonly id: number
  readonly watch: number
  readonly stream: Handle
  unsent: Uint8Array | null
}

export type Connections = (watch: number) => Handle | null

export const makeConsoles = (connectionOf: Connections, report: (message: ConsoleReport) => void) => {
  const consoles = new Map<number, Console>()
  const block = new Uint8Array(BLOCK_BYTES)
  /** libvirt may still be inside a callback of a stream that ended: freed on the next round. */
  const ended: Handle[] = []

  const end = (one: Console, tell = true) => {
    if (!consoles.delete(one.id)) return
    virStream.unwatch(one.stream)
    virStream.abort(one.stream)
    ended.push(one.stream)
    if (tell) report({ kind: 'console-ended', console: one.id })
  }

  const receive = (one: Console) => {
    for (let i = 0; i < BLOCKS_AT_ONCE; i++) {
      const length = virStream.receive(one.stream, block, BLOCK_BYTES)
      if (length === NOT_NOW) return
      if (length <= 0) {
        end(one)
        return
      }
      report({ kind: 'console-data', console: one.id, bytes: block.slice(0, length) })
    }
  }

  const send = (one: Console) => {
    while (one.unsent !== null) {
      const sent = virStream.send(one.stream, one.unsent, one.unsent.length)
      if (sent === NOT_NOW) break
      if (sent < 0) {
        end(one)
        return
      }
      one.unsent = sent < one.unsent.length ? one.unsent.subarray(sent) : null
      if (one.unsent === null) report({ kind: 'console-written', console: one.id })
    }
    virStream.rewatch(one.stream, READABLE | BROKEN | (one.unsent === null ? 0 : WRITABLE))
  }

  const callback = virEvent.streamCallback((stream, events) => {
    const one = [...consoles.values()].find((open) => open.stream === stream)
    if (one === undefined) return
    // What a guest said last is still there to be read when it has gone.
    if (events & READABLE) receive(one)
    if (events & WRITABLE && consoles.has(one.id)) send(one)
    if (events & BROKEN) end(one)
  })

  const open = ({ console, id: watch, name }: Extract<ConsoleRequest, { kind: 'console-open' }>) => {
    const connection = connectionOf(watch)
    let stream: Handle | null = null
    try {
      if (connection === null) throw lost()
      stream = present(virStream.open(connection, NONBLOCK))
      const opened = stream
      withDomain(connection, name, (d) => ok(virDomain.openConsole(d, null, opened, FORCE)))
      ok(virStream.watch(opened, READABLE | BROKEN, callback, null, null))
      consoles.set(console, { id: console, watch, stream: opened, unsent: null })
      report({ kind: 'console-opened', console })
    } catch (error) {
      if (stream !== null) ended.push(stream)
      report({ kind: 'console-failed', console, error: fieldsOf(error, connection === null) })
    }
  }

  return {
    serve: (request: ConsoleRequest): void => {
      if (request.kind === 'console-open') {
        open(request)
        return
      }
      const one = consoles.get(request.console)
      if (one === undefined) return
      if (request.kind === 'console-close') end(one, false)
      else {
        one.unsent = request.bytes
        send(one)
      }
    },
    /** Before the connection of a watch is closed: its streams hold on to it. */
    endAll: (watch: number): void => {
      for (const one of [...consoles.values()]) if (one.watch === watch) end(one)
    },
    /** To be called between two rounds of the loop. @returns whether any console is open. */
    tidy: (): boolean => {
      for (const stream of ended.splice(0)) virStream.free(stream)
      return consoles.size > 0
    },
    /** When the loop runs no more. */
    release: (): void => virEvent.releaseCallback(callback),
  }
}

const lost = () =>
  new LibvirtFailure({ number: 0, domain: 0, text: 'the connection is lost', connectionLost: true })
