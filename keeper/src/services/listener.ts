// One listener and its socket: what it has not read yet is bounded in bytes and in time.
import type { Writable } from 'node:stream'

/** A response, as far as a listener needs it. */
export type Sink = Pick<
  Writable,
  'write' | 'end' | 'destroy' | 'destroyed' | 'writableLength' | 'writableNeedDrain' | 'once' | 'off'
>

export type ListenerLimits = {
  /** Bytes waiting for a listener that is told live. */
  maxBuffered: number
  /** How long a listener that reads what it missed may take for a page. */
  drainMs: number
}

export type EndReason = 'slow' | 'closing' | 'failed' | 'gone'

/** How long a dropped listener has to read why. */
const LAST_WORDS_MS = 2_000

export type Listener = {
  isOpen(): boolean
  isLive(): boolean
  goLive(): void
  /** Drops the listener when it reads too slowly. */
  send(text: string): void
  /** Resolves when what was sent has left, or the listener is over. */
  drained(): Promise<void>
  end(reason: EndReason): void
}

export const makeListener = (
  sink: Sink,
  limits: ListenerLimits,
  onEnd: (reason: EndReason) => void,
): Listener => {
  let open = true
  let live = false

  const end = (reason: EndReason) => {
    if (!open) return
    open = false
    onEnd(reason)
    if (reason === 'gone') return
    sink.write(`event: dropped\ndata: ${JSON.stringify({ reason })}\n\n`)
    sink.end()
    const timer = setTimeout(() => sink.destroy(), LAST_WORDS_MS)
    timer.unref()
    sink.once('close', () => clearTimeout(timer))
  }

  sink.once('close', () => end('gone'))
  sink.once('error', () => end('gone'))

  return {
    isOpen: () => open,
    isLive: () => open && live,
    goLive: () => {
      live = true
    },
    send: (text) => {
      if (!open) return
      sink.write(text)
      // While it reads what it missed, `drained` keeps what waits to a page.
      if (live && sink.writableLength > limits.maxBuffered) end('slow')
    },
    drained: () =>
      new Promise((resolve) => {
        if (!open || !sink.writableNeedDrain) {
          resolve()
          return
        }
        const finish = () => {
          clearTimeout(timer)
          sink.off('drain', finish)
          sink.off('close', finish)
          resolve()
        }
        const timer = setTimeout(() => {
          end('slow')
          finish()
        }, limits.drainMs)
        sink.once('drain', finish)
        sink.once('close', finish)
      }),
    end,
  }
}
