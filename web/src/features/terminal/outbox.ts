// What was typed and has not reached the guest yet, each byte under its offset from the session's beginning.
import { STREAM_WINDOW_BYTES } from '@decloud/protocol/wire/terminal'

const FRAME_BYTES = 16 * 1024
/** Typed while nobody listens, or faster than the guest reads; what comes beyond is not taken. */
const MOST_BYTES = 4 * STREAM_WINDOW_BYTES

export const makeOutbox = (send: (bytes: Uint8Array<ArrayBuffer>) => void) => {
  const encoder = new TextEncoder()
  let bytes = new Uint8Array()
  /** Offset of the first of `bytes`. */
  let from = 0
  /** Offset up to which this socket was given them; null while there is none. */
  let sent: number | null = null

  const flush = () => {
    while (sent !== null && sent < from + bytes.length && sent - from < STREAM_WINDOW_BYTES) {
      const onTheWay = sent - from
      const room = Math.min(FRAME_BYTES, STREAM_WINDOW_BYTES - onTheWay)
      const piece = bytes.slice(onTheWay, onTheWay + room)
      sent += piece.length
      send(piece)
    }
  }

  const acknowledge = (received: number) => {
    if (received <= from) return
    bytes = bytes.slice(received - from)
    from = received
    flush()
  }

  return {
    put: (text: string) => {
      const more = encoder.encode(text)
      if (bytes.length + more.length > MOST_BYTES) return
      const all = new Uint8Array(bytes.length + more.length)
      all.set(bytes)
      all.set(more, bytes.length)
      bytes = all
      flush()
    },
    /** The guest has had all before `received`. */
    acknowledge,
    /** Nothing is sent until there is a socket again. */
    hold: () => {
      sent = null
    },
    /** A new socket, behind which `received` bytes have reached the guest: it goes on from exactly there. */
    go: (received: number) => {
      acknowledge(received)
      sent = received
      flush()
    },
    /** What waits is meant for a session of which this page has sent nothing: it counts from `received`. */
    reset: (received: number) => {
      from = received
    },
  }
}
