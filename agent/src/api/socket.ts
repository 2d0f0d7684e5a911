// A WebSocket as the streams use it: binary frames are theirs, text frames are JSON, a peer that is silent, or takes
// no answer, is dropped.
import { STREAM_CLOSE } from '@decloud/protocol/wire/terminal'
import type { RawData, WebSocket } from 'ws'

/** A request of a stream is a few dozen bytes. */
const MAX_TEXT_BYTES = 1_024
const HEARTBEAT_MS = 20_000
/** A peer that does not answer the closing is cut off. */
const CLOSE_MS = 2_000
/** Replies under way to a peer; each costs memory far beyond its bytes. Who takes what is sent has a few. */
const MAX_REPLIES = 4_096
/** More than the window of any stream: what an honest peer lets wait is less. */
const MAX_WAITING_BYTES = 2 << 20

export type StreamSocket<reply> = {
  send(bytes: Buffer): void
  tell(reply: reply | Problem): void
  close(code: number, problem?: { code: string; message: string }): void
  flow(wanted: boolean): void
  /** Bytes that wait for the peer. */
  backlog(): number
}
type Problem = { type: 'error'; code: string; message: string }

export type StreamHandlers = {
  /** undefined for a text that is no JSON. */
  text(json: unknown): void
  binary(bytes: Buffer): void
  /** Called once; nothing comes after it. */
  gone(): void
}

export const streamSocket = <reply>(socket: WebSocket, on: StreamHandlers): StreamSocket<reply> => {
  let answered = true
  const heartbeat = setInterval(() => {
    // While it is paused, an answer would not be read.
    if (!answered && !socket.isPaused) socket.terminate()
    answered = socket.isPaused
    socket.ping()
  }, HEARTBEAT_MS)
  socket.on('pong', () => {
    answered = true
  })
  socket.on('error', () => undefined) // `close` follows; without a listener the process would end
  socket.on('close', () => {
    clearInterval(heartbeat)
    on.gone()
  })
  let replies = 0
  const sent = () => {
    replies--
  }
  const tell = (reply: reply | Problem) => {
    if (socket.readyState !== socket.OPEN) return
    replies++
    // He asks on and on, and takes no answer.
    if (replies > MAX_REPLIES) socket.terminate()
    else socket.send(JSON.stringify(reply), sent)
  }
  const close = (code: number, problem?: { code: string; message: string }) => {
    if (problem !== undefined) tell({ type: 'error', ...problem })
    if (socket.isPaused) socket.resume()
    socket.close(code, problem?.code)
    setTimeout(() => socket.terminate(), CLOSE_MS).unref()
  }
  socket.on('message', (data: RawData, isBinary: boolean) => {
    // `ws` gives one Buffer unless it is told otherwise.
    const bytes = data as Buffer
    if (isBinary) on.binary(bytes)
    else if (bytes.length > MAX_TEXT_BYTES) close(STREAM_CLOSE.malformed, MALFORMED)
    else on.text(jsonOf(bytes))
  })
  return {
    send: (bytes) => {
      if (socket.readyState !== socket.OPEN) return
      // He has acknowledged what he has not taken.
      if (socket.bufferedAmount > MAX_WAITING_BYTES) socket.terminate()
      else socket.send(bytes, { binary: true })
    },
    tell,
    close,
    flow: (wanted) => (wanted ? socket.resume() : socket.pause()),
    backlog: () => socket.bufferedAmount,
  }
}

const jsonOf = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined // the schema of the caller refuses it
  }
}

export const MALFORMED = { code: 'frame-malformed', message: 'The frame is not one of this stream.' }
