// `GET /v1/leases/:leaseId/terminal`, a WebSocket: see wire/terminal.ts.
import { DecloudError } from '@decloud/protocol'
import {
  STREAM_CLOSE,
  type TerminalHello,
  type TerminalReply,
  terminalHelloSchema,
  terminalRequestSchema,
} from '@decloud/protocol/wire/terminal'
import type { WebSocket } from 'ws'
import type { Visitor } from '../ports/visitor.ts'
import type { Log } from '../reconcile/ports.ts'
import { type Session, UNKNOWN_SESSION } from '../terminal/session.ts'
import type { Terminals } from '../terminal/terminals.ts'
import { MALFORMED, type StreamSocket, streamSocket } from './socket.ts'

const HELLO_MS = 10_000

/** The guard has let the visitor in; from here on the socket is his. */
export const serveTerminal = (socket: WebSocket, visitor: Visitor, terminals: Terminals, log: Log): void => {
  let state: 'hello' | 'opening' | 'gone' | Session = 'hello'
  let resized: { cols: number; rows: number } | null = null
  const timer = setTimeout(() => stream.close(STREAM_CLOSE.malformed, MALFORMED), HELLO_MS)

  const begin = async (hello: TerminalHello) => {
    clearTimeout(timer)
    state = 'opening'
    const session = await sessionFor(hello, visitor, terminals, stream, log)
    if (session === null) return
    // The compiler does not see that the socket may have gone meanwhile.
    if ((state as string) === 'gone') {
      if (hello.type === 'open') session.end(STREAM_CLOSE.ended)
      return
    }
    state = session
    const size = { cols: hello.cols, rows: hello.rows }
    session.attach(stream, visitor, hello.type === 'open' ? null : { offset: hello.offset, size })
    if (resized !== null) session.resize(resized)
  }

  /** A guest may take its time to let somebody in: who waits may ask whether anybody is there, and change the size. */
  const wait = (json: unknown) => {
    const request = terminalRequestSchema.safeParse(json)
    if (request.data?.type === 'ping') stream.tell({ type: 'pong', at: request.data.at })
    else if (request.data?.type === 'resize') resized = request.data
    else if (request.data?.type === 'close') stream.close(STREAM_CLOSE.ended)
    else stream.close(STREAM_CLOSE.malformed, MALFORMED)
  }

  const obey = (session: Session, json: unknown) => {
    const request = terminalRequestSchema.safeParse(json)
    if (!request.success) stream.close(STREAM_CLOSE.malformed, MALFORMED)
    else if (request.data.type === 'resize') session.resize(request.data)
    else if (request.data.type === 'ack') session.ack(stream, request.data.offset)
    else if (request.data.type === 'ping') stream.tell({ type: 'pong', at: request.data.at })
    else session.end(STREAM_CLOSE.ended)
  }

  const stream: StreamSocket<TerminalReply> = streamSocket(socket, {
    text: (json) => {
      if (state === 'gone') return
      if (typeof state === 'object') {
        if (state.shows(stream)) obey(state, json)
        return
      }
      if (state === 'opening') {
        wait(json)
        return
      }
      const hello = terminalHelloSchema.safeParse(json)
      if (hello.success) void begin(hello.data)
      else stream.close(STREAM_CLOSE.malformed, MALFORMED)
    },
    binary: (bytes) => {
      if (typeof state === 'object') state.input(stream, bytes)
      else if (state !== 'gone') stream.close(STREAM_CLOSE.malformed, MALFORMED)
    },
    gone: () => {
      clearTimeout(timer)
      if (typeof state === 'object') state.detach(stream)
      state = 'gone'
    },
  })
}

/** null when there is none: the stream has been told why. */
const sessionFor = async (
  hello: TerminalHello,
  visitor: Visitor,
  terminals: Terminals,
  stream: StreamSocket<TerminalReply>,
  log: Log,
): Promise<Session | null> => {
  if (hello.type === 'resume') {
    const session = terminals.find(visitor, hello.session)
    if (session === null) stream.close(STREAM_CLOSE.unknown, UNKNOWN_SESSION)
    return session
  }
  try {
    return await terminals.open(visitor, { cols: hello.cols, rows: hello.rows })
  } catch (error) {
    const code = error instanceof DecloudError ? error.code : 'internal'
    if (!(error instanceof DecloudError)) log.error({ err: error }, 'a terminal could not be opened')
    const message = error instanceof DecloudError ? error.sentence : 'The agent could not open a terminal.'
    const tooMany = code === 'terminal-too-many'
    stream.close(tooMany ? STREAM_CLOSE.tooMany : STREAM_CLOSE.unreachable, { code, message })
    return null
  }
}
