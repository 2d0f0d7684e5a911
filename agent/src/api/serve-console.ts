// The serial console of a guest over a WebSocket: see wire/terminal.ts.
import type { Duplex } from 'node:stream'
import { DecloudError } from '@decloud/protocol'
import {
  type ConsoleReply,
  consoleRequestSchema,
  MAX_FRAME_BYTES,
  STREAM_CLOSE,
} from '@decloud/protocol/wire/terminal'
import type { WebSocket } from 'ws'
import type { Consoles, Parting } from '../console/consoles.ts'
import type { Visitor } from '../ports/visitor.ts'
import type { Log } from '../reconcile/ports.ts'
import { watchVisitor } from '../terminal/watch-visitor.ts'
import { MALFORMED, type StreamSocket, streamSocket } from './socket.ts'

/** Of what the browser has not taken yet; a serial line waits for nobody. */
const MAX_BACKLOG_BYTES = 1 << 20

const PARTINGS: Readonly<Record<Parting, { code: number; message: string }>> = {
  'taken-over': { code: STREAM_CLOSE.takenOver, message: 'The console was opened in another window.' },
  'guest-off': {
    code: STREAM_CLOSE.ended,
    message: 'The guest was powered off, or its hypervisor restarted.',
  },
  'agent-stopping': {
    code: STREAM_CLOSE.stopping,
    message: "The node's agent is stopping; try again soon.",
  },
}

/** The guard has let the visitor in; from here on the socket is his. */
export const serveConsole = (socket: WebSocket, visitor: Visitor, consoles: Consoles, log: Log): void => {
  let line: Duplex | null = null
  let gone = false
  let lost = 0

  const print = (bytes: Buffer) => {
    if (stream.backlog() > MAX_BACKLOG_BYTES) {
      lost += bytes.length
      return
    }
    if (lost > 0) stream.tell({ type: 'lost', bytes: lost })
    lost = 0
    for (let at = 0; at < bytes.length; at += MAX_FRAME_BYTES) {
      stream.send(bytes.subarray(at, at + MAX_FRAME_BYTES))
    }
  }

  const stream: StreamSocket<ConsoleReply> = streamSocket(socket, {
    text: (json) => {
      const request = consoleRequestSchema.safeParse(json)
      if (request.success) stream.tell({ type: 'pong', at: request.data.at })
      else stream.close(STREAM_CLOSE.malformed, MALFORMED)
    },
    binary: (bytes) => {
      // What is typed before the console is open is typed at nothing.
      if (line === null || line.destroyed) return
      if (!line.write(bytes)) stream.flow(false)
    },
    gone: () => {
      gone = true
      unwatch()
      line?.destroy()
    },
  })
  const unwatch = watchVisitor(visitor, () => {
    stream.close(STREAM_CLOSE.refused, {
      code: 'access-ended',
      message: 'Your access to this lease has ended.',
    })
  })
  const part = (why: Parting) =>
    stream.close(PARTINGS[why].code, { code: why, message: PARTINGS[why].message })

  consoles.open(visitor, part).then(
    (opened) => {
      if (gone) {
        opened.destroy()
        return
      }
      line = opened
      opened.on('data', print)
      opened.on('drain', () => stream.flow(true))
      stream.tell({ type: 'opened' })
    },
    (error: unknown) => {
      if (!(error instanceof DecloudError)) log.error({ err: error }, 'a console could not be opened')
      const code = error instanceof DecloudError ? error.code : 'internal'
      const message = error instanceof DecloudError ? error.sentence : 'The agent could not open the console.'
      stream.close(STREAM_CLOSE.unreachable, { code, message })
    },
  )
}
