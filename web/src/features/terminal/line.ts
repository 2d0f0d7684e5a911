// One shell in a guest over sockets that come and go: what wire/terminal.ts asks of a browser. Both directions are counted,
// so that nothing is lost or doubled by a drop.
import {
  ACK_EVERY_BYTES,
  STREAM_CLOSE,
  type TerminalReply,
  terminalReplySchema,
} from '@decloud/protocol/wire/terminal'
import { makeHearing } from './hearing.ts'
import { makeOutbox } from './outbox.ts'

export type LineState =
  | { at: 'connecting' | 'connected' | 'dropped' }
  /** Nothing follows. `why` is a sentence; empty when the shell simply ended. */
  | { at: 'ended' | 'refused'; why: string }

type Size = { cols: number; rows: number }

export type Screen = {
  size(): Size
  /** `done` once the bytes are shown: until then they are not acknowledged. */
  write(bytes: Uint8Array, done: () => void): void
  /** Output that came while nobody was there, and is no longer kept. */
  lost(bytes: number): void
  state(state: LineState): void
}

export type LineOptions = {
  /** A new socket, not open yet. Rejects with DecloudError. */
  connect(): Promise<WebSocket>
  screen: Screen
  /** Whether an error of `connect` will be the same next time. */
  isFinal(error: unknown): boolean
  explain(error: unknown): string
  /** A session that an earlier page has left, and where to note this one's. */
  memory: { read(): string | null; write(session: string | null): void }
}

const RETRY_MS = [300, 1_000, 2_000, 4_000, 8_000]
/** Before a session has said for how long it waits. */
const FIRST_PATIENCE_MS = 20_000
const FINAL: ReadonlySet<number> = new Set([
  ...[STREAM_CLOSE.ended, STREAM_CLOSE.malformed, STREAM_CLOSE.refused, STREAM_CLOSE.unknown],
  ...[STREAM_CLOSE.idle, STREAM_CLOSE.takenOver, STREAM_CLOSE.tooMany, STREAM_CLOSE.unreachable],
])

export type Line = {
  type(text: string): void
  resize(size: Size): void
  /** Tries again at once, if it waits to. */
  hurry(): void
  /** The shell is to end as well. */
  close(): void
}

export const openLine = ({ connect, screen, isFinal, explain, memory }: LineOptions): Line => {
  let socket: WebSocket | null = null
  let session = memory.read()
  /** What an earlier page had is not on this screen: all that is still kept is shown again. */
  let restoring = session !== null
  let patienceMs = FIRST_PATIENCE_MS
  let droppedAt: number | null = null
  let tries = 0
  let retry: ReturnType<typeof setTimeout> | undefined
  let got = 0
  let shown = 0
  let acknowledged = 0
  let problem = ''
  let over = false
  const outbox = makeOutbox((bytes) => socket?.send(bytes))
  const tell = (request: object) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(request))
  }

  const finish = (state: LineState) => {
    if (over) return
    over = true
    clearTimeout(retry)
    memory.write(null)
    leave()
    screen.state(state)
  }

  const leave = () => {
    const last = socket
    socket = null
    outbox.hold()
    hearing.stop()
    last?.close()
  }

  const drop = () => {
    if (over) return
    leave()
    droppedAt ??= performance.now()
    if (performance.now() - droppedAt > patienceMs) {
      finish({ at: 'ended', why: 'The connection was lost for too long.' })
      return
    }
    screen.state({ at: 'dropped' })
    retry = setTimeout(attempt, RETRY_MS[Math.min(tries, RETRY_MS.length - 1)])
    tries++
  }

  const hearing = makeHearing(() => tell({ type: 'ping', at: performance.now() }), drop)

  const attempt = async () => {
    clearTimeout(retry)
    try {
      const opened = await connect()
      if (over) opened.close()
      else begin(opened)
    } catch (error) {
      const why = explain(error)
      if (isFinal(error) || (session === null && droppedAt === null)) finish({ at: 'refused', why })
      else drop()
    }
  }

  const begin = (opened: WebSocket) => {
    socket = opened
    opened.binaryType = 'arraybuffer'
    problem = ''
    opened.onopen = () => {
      hearing.start()
      const size = screen.size()
      tell(session === null ? { type: 'open', ...size } : { type: 'resume', session, offset: got, ...size })
    }
    opened.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (socket !== opened) return
      hearing.heard()
      if (typeof data === 'string') hear(data)
      else print(new Uint8Array(data))
    }
    opened.onclose = ({ code }) => {
      if (socket === opened) closed(code)
    }
  }

  const closed = (code: number) => {
    if (code === STREAM_CLOSE.unknown && restoring) {
      // What an earlier page has left is gone: this one begins anew.
      session = null
      restoring = false
      leave()
      void attempt()
    } else if (FINAL.has(code)) {
      const refused = session === null || code === STREAM_CLOSE.refused
      finish({ at: refused ? 'refused' : 'ended', why: problem })
    } else drop()
  }

  const print = (bytes: Uint8Array) => {
    got += bytes.length
    screen.write(bytes, () => {
      shown += bytes.length
      if (shown - acknowledged < ACK_EVERY_BYTES) return
      acknowledged = shown
      tell({ type: 'ack', offset: shown })
    })
  }

  const hear = (text: string) => {
    const parsed = terminalReplySchema.safeParse(jsonOf(text))
    // A newer agent may say more than is known here.
    if (parsed.success) obey(parsed.data)
  }

  const obey = (reply: TerminalReply) => {
    switch (reply.type) {
      case 'opened':
        ready(reply.session, reply.resumeSeconds, 0)
        return
      case 'resumed':
        // What is on its way to the screen counts as shown: the agent was told so by the offset.
        if (reply.lost > 0 && !restoring) screen.lost(reply.lost)
        shown += reply.offset - got
        got = reply.offset
        ready(reply.session, reply.resumeSeconds, reply.received)
        return
      case 'ack':
        outbox.acknowledge(reply.received)
        return
      case 'error':
        problem = reply.message
        return
      case 'exit':
        problem = reply.code === 0 ? '' : `The shell ended with ${reply.code ?? reply.signal ?? 'a signal'}.`
    }
  }

  const ready = (id: string, resumeSeconds: number, received: number) => {
    if (session === null || restoring) outbox.reset(received)
    restoring = false
    session = id
    memory.write(id)
    patienceMs = resumeSeconds * 1_000
    droppedAt = null
    tries = 0
    outbox.go(received)
    screen.state({ at: 'connected' })
  }

  screen.state({ at: 'connecting' })
  void attempt()
  return {
    type: (text) => {
      if (!over) outbox.put(text)
    },
    resize: (size) => tell({ type: 'resize', ...size }),
    hurry: () => {
      if (over || socket !== null || droppedAt === null) return
      tries = 0
      void attempt()
    },
    close: () => {
      tell({ type: 'close' })
      finish({ at: 'ended', why: '' })
    },
  }
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // the schema refuses it
  }
}
