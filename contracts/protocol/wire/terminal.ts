// What crosses the WebSocket between a browser and a node's agent, for a terminal and for a serial console. Binary frames
// are bytes of the stream itself; text frames are JSON and belong to the schemas below.
//
// A terminal survives its socket: both sides count the bytes of each direction and acknowledge them, so that after a
// drop each sends again exactly what the other has not had.
import { z } from 'zod'

/** Offered as `Sec-WebSocket-Protocol: decloud.v1, ticket.<ticket>`: a browser can send no other header of its own. */
export const STREAM_PROTOCOL = 'decloud.v1'

/** No frame either way is longer; a paste that is longer travels in several. */
export const MAX_FRAME_BYTES = 64 * 1024
/** Bytes sent and not yet acknowledged, each way, at most: what a drop may force the sender to send again. */
export const STREAM_WINDOW_BYTES = 256 * 1024
/** An acknowledgement is due at the latest when so many bytes have come since the last. */
export const ACK_EVERY_BYTES = 32 * 1024

const columns = z.int().min(1).max(1_000)
const offset = z
  .int()
  .min(0)
  .max(2 ** 50)
const sessionText = z.string().regex(/^[A-Za-z0-9_-]{22}$/, 'a session of this terminal')

/** First frame of a connection: a shell of one's own, or the one that was left. */
export const terminalHelloSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('open'), cols: columns, rows: columns }),
  z.strictObject({
    type: z.literal('resume'),
    session: sessionText,
    /** Bytes of output that the browser has had since the session was opened. */
    offset,
    cols: columns,
    rows: columns,
  }),
])
export type TerminalHello = z.output<typeof terminalHelloSchema>

export const terminalRequestSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('resize'), cols: columns, rows: columns }),
  /** Bytes of output that have arrived, since the session was opened. */
  z.strictObject({ type: z.literal('ack'), offset }),
  z.strictObject({ type: z.literal('ping'), at: z.number() }),
  /** The session is to end, not only this connection. */
  z.strictObject({ type: z.literal('close') }),
])
export type TerminalRequest = z.output<typeof terminalRequestSchema>

export const terminalReplySchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('opened'),
    session: sessionText,
    /** How long the session waits for its browser to come back. */
    resumeSeconds: z.int(),
  }),
  z.object({
    type: z.literal('resumed'),
    session: sessionText,
    /** Of the first byte of output that follows. */
    offset,
    /** Bytes between the offset that was asked for and this one: they are no longer kept. */
    lost: z.int().min(0),
    /** Bytes of input that reached the guest: what came after them is to be sent again. */
    received: offset,
    resumeSeconds: z.int(),
  }),
  /** Bytes of input that reached the guest, since the session was opened. */
  z.object({ type: z.literal('ack'), received: offset }),
  z.object({ type: z.literal('pong'), at: z.number() }),
  /** The shell has ended; nothing follows. `code` is null when a signal ended it. */
  z.object({ type: z.literal('exit'), code: z.int().nullable(), signal: z.string().nullable() }),
  z.object({ type: z.literal('error'), code: z.string(), message: z.string() }),
])
export type TerminalReply = z.output<typeof terminalReplySchema>

/** A console has one reader and no memory: it begins with what the guest prints next. */
export const consoleReplySchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('opened') }),
  z.object({ type: z.literal('pong'), at: z.number() }),
  /** The reader was too slow, and this many bytes were left out here. */
  z.object({ type: z.literal('lost'), bytes: z.int() }),
  z.object({ type: z.literal('error'), code: z.string(), message: z.string() }),
])
export type ConsoleReply = z.output<typeof consoleReplySchema>

export const consoleRequestSchema = z.strictObject({ type: z.literal('ping'), at: z.number() })

/** Why a socket was closed; the `error` frame before it says it in a sentence. 1000: the stream itself has ended. */
export const STREAM_CLOSE = {
  ended: 1000,
  /** The agent is stopping; it may come back, the session does not. */
  stopping: 1001,
  malformed: 4400,
  /** The visitor may no longer be here. */
  refused: 4403,
  /** No such session, or not this visitor's. */
  unknown: 4404,
  idle: 4408,
  /** Another connection has taken the stream over. */
  takenOver: 4409,
  tooMany: 4429,
  /** The guest cannot be reached, or hung up. */
  unreachable: 4503,
} as const
