// The serial console of a guest: no session to come back to, so a socket that drops is opened anew.
import { consoleReplySchema, STREAM_CLOSE } from '@decloud/protocol/wire/terminal'
import { makeHearing } from './hearing.ts'
import type { Line, LineOptions, LineState } from './line.ts'

const RETRY_MS = 2_000
const MOST_TRIES = 30
const FINAL: ReadonlySet<number> = new Set([
  ...[STREAM_CLOSE.malformed, STREAM_CLOSE.refused, STREAM_CLOSE.takenOver, STREAM_CLOSE.unreachable],
  STREAM_CLOSE.ended,
])

export const openConsoleLine = ({ connect, screen, isFinal, explain }: Omit<LineOptions, 'memory'>): Line => {
  const encoder = new TextEncoder()
  let socket: WebSocket | null = null
  let retry: ReturnType<typeof setTimeout> | undefined
  let tries = 0
  let opened = false
  let over = false
  let problem = ''

  const leave = () => {
    const last = socket
    socket = null
    hearing.stop()
    last?.close()
  }
  const finish = (state: LineState) => {
    if (over) return
    over = true
    clearTimeout(retry)
    leave()
    screen.state(state)
  }
  const drop = () => {
    if (over) return
    leave()
    if (++tries > MOST_TRIES) {
      finish({ at: 'ended', why: 'The connection was lost for too long.' })
      return
    }
    screen.state({ at: 'dropped' })
    retry = setTimeout(attempt, RETRY_MS)
  }
  const hearing = makeHearing(
    () => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify({ type: 'ping', at: 0 })),
    drop,
  )

  const attempt = async () => {
    clearTimeout(retry)
    try {
      const next = await connect()
      if (over) next.close()
      else begin(next)
    } catch (error) {
      if (isFinal(error) || !opened) finish({ at: 'refused', why: explain(error) })
      else drop()
    }
  }

  const begin = (next: WebSocket) => {
    socket = next
    next.binaryType = 'arraybuffer'
    problem = ''
    next.onopen = () => hearing.start()
    next.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (socket !== next) return
      hearing.heard()
      if (typeof data === 'string') hear(data)
      else screen.write(new Uint8Array(data), () => undefined)
    }
    next.onclose = ({ code }) => {
      if (socket !== next) return
      if (FINAL.has(code)) finish({ at: opened ? 'ended' : 'refused', why: problem })
      else drop()
    }
  }

  const hear = (text: string) => {
    const reply = consoleReplySchema.safeParse(JSON.parse(text))
    if (!reply.success) return
    if (reply.data.type === 'error') problem = reply.data.message
    if (reply.data.type === 'lost') screen.lost(reply.data.bytes)
    if (reply.data.type !== 'opened') return
    opened = true
    tries = 0
    screen.state({ at: 'connected' })
  }

  screen.state({ at: 'connecting' })
  void attempt()
  return {
    type: (text) => {
      if (socket?.readyState === WebSocket.OPEN) socket.send(encoder.encode(text))
    },
    // A serial line has no size that anybody could be told.
    resize: () => undefined,
    hurry: () => {
      if (!over && socket === null) void attempt()
    },
    close: () => finish({ at: 'ended', why: '' }),
  }
}
