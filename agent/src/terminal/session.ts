// One shell in a guest, which outlives the sockets that show it. Both directions are counted in bytes from the beginning;
// what the browser has not acknowledged is kept, so that a new socket goes on exactly where the old one broke.
import {
  MAX_FRAME_BYTES,
  STREAM_CLOSE,
  STREAM_WINDOW_BYTES,
  type TerminalReply,
} from '@decloud/protocol/wire/terminal'
import type { ClientChannel } from 'ssh2'
import type { Hex } from 'viem'
import type { Visitor } from '../ports/visitor.ts'
import type { GuestClient, TerminalSize } from '../ssh/guest-client.ts'
import { makeRing } from './ring.ts'
import { watchVisitor } from './watch-visitor.ts'

/** The socket as a session sees it. */
type Attachment = {
  send(bytes: Buffer): void
  tell(reply: TerminalReply): void
  /** `problem` is told before the socket is closed with `code`. */
  close(code: number, problem?: { code: string; message: string }): void
  /** Whether more input is wanted just now. */
  flow(wanted: boolean): void
}

export type SessionTimes = {
  /** How long the guest waits with its output once the browser is gone: who comes back sooner has missed nothing. */
  patientMs: number
  /** How long a session waits for its browser to come back. */
  detachedMs: number
  /** Without a byte either way. */
  idleMs: number
  visitorMs?: number
}

export type Session = {
  readonly id: string
  readonly address: string
  readonly leaseId: Hex
  /** Takes the place of the socket before, which is told so. @param resume null for the first. */
  attach(
    attachment: Attachment,
    visitor: Visitor,
    resume: { offset: number; size: TerminalSize } | null,
  ): void
  /** Without effect from a socket whose place was taken. */
  detach(attachment: Attachment): void
  input(attachment: Attachment, bytes: Buffer): void
  ack(attachment: Attachment, offset: number): void
  /** Whether this is the socket that has the session now: no other may order anything. */
  shows(attachment: Attachment): boolean
  resize(size: TerminalSize): void
  end(code: number, problem?: { code: string; message: string }): void
}

/** Twice the window: what comes in between a full window and the pause of the channel has room. */
const RING_BYTES = 2 * STREAM_WINDOW_BYTES
const LAST_WORDS_MS = 1_000

export const makeSession = (options: {
  id: string
  address: string
  leaseId: Hex
  client: GuestClient
  shell: ClientChannel
  times: SessionTimes
  /** Called once, when nothing is left of it. */
  onEnd: (why: string) => void
}): Session => {
  const { client, shell, times } = options
  const resumeSeconds = Math.floor(times.detachedMs / 1000)
  const ring = makeRing(RING_BYTES)
  let attached: Attachment | null = null
  let sent = 0
  let acknowledged = 0
  let received = 0
  let exit: TerminalReply | null = null
  let hungUp = false
  let over = false
  let unwatch = () => {}
  let patient = true
  let detachTimer: NodeJS.Timeout | undefined
  let patienceTimer: NodeJS.Timeout | undefined
  let idleTimer: NodeJS.Timeout | undefined

  const finish = (code: number, why: string, problem?: { code: string; message: string }) => {
    if (over) return
    over = true
    unwatch()
    for (const timer of [detachTimer, patienceTimer, idleTimer]) clearTimeout(timer)
    client.close()
    const last = attached
    attached = null
    last?.close(code, problem)
    options.onEnd(why)
  }

  const touch = () => {
    clearTimeout(idleTimer)
    idleTimer = setTimeout(() => finish(STREAM_CLOSE.idle, 'idle', IDLE), times.idleMs)
  }

  /** With nobody there for long, the program in the guest goes on, and the ring forgets the oldest of what it prints. */
  const regulate = () => {
    const full = patient && ring.end() - acknowledged >= STREAM_WINDOW_BYTES
    for (const output of [shell, shell.stderr]) full ? output.pause() : output.resume()
  }

  const pump = () => {
    while (attached !== null && sent < ring.end() && sent - acknowledged < STREAM_WINDOW_BYTES) {
      const room = STREAM_WINDOW_BYTES - (sent - acknowledged)
      const bytes = ring.read(sent, Math.min(MAX_FRAME_BYTES, room))
      sent += bytes.length
      attached.send(bytes)
    }
    if (hungUp && attached !== null && sent === ring.end()) {
      if (exit !== null) attached.tell(exit)
      finish(STREAM_CLOSE.ended, 'ended', exit === null ? HUNG_UP : undefined)
    } else if (!over) regulate()
  }

  const take = (bytes: Buffer) => {
    touch()
    ring.push(bytes)
    pump()
  }
  shell.on('data', take)
  shell.stderr.on('data', take)
  shell.on('exit', (code: number | null, signal?: string) => {
    exit = { type: 'exit', code, signal: signal ?? null }
  })
  shell.on('error', () => undefined) // `close` follows, and says what is to be said
  shell.on('drain', () => {
    attached?.flow(true)
    attached?.tell({ type: 'ack', received })
  })
  const hangUp = () => {
    if (hungUp) return
    hungUp = true
    pump()
  }
  shell.on('close', hangUp)
  // The channel says so itself, after its last bytes; a connection that breaks in mid-word may leave it speechless.
  client.onClose(() => setTimeout(hangUp, LAST_WORDS_MS).unref())
  touch()

  const begin = (attachment: Attachment, resume: { offset: number; size: TerminalSize } | null) => {
    if (resume === null) {
      attachment.tell({ type: 'opened', session: options.id, resumeSeconds })
      return
    }
    const offset = Math.max(resume.offset, ring.start())
    sent = offset
    acknowledged = offset
    const lost = offset - resume.offset
    attachment.tell({ type: 'resumed', session: options.id, offset, lost, received, resumeSeconds })
    if (!hungUp) setSize(resume.size)
  }

  const setSize = ({ cols, rows }: TerminalSize) => shell.setWindow(rows, cols, 0, 0)

  return {
    id: options.id,
    address: options.address,
    leaseId: options.leaseId,
    attach: (attachment, visitor, resume) => {
      if (over) {
        attachment.close(STREAM_CLOSE.unknown, UNKNOWN_SESSION)
        return
      }
      if (resume !== null && resume.offset > ring.end()) {
        attachment.close(STREAM_CLOSE.malformed, BEYOND)
        return
      }
      const before = attached
      attached = null
      before?.close(STREAM_CLOSE.takenOver, TAKEN_OVER)
      for (const timer of [detachTimer, patienceTimer]) clearTimeout(timer)
      patient = true
      unwatch()
      unwatch = watchVisitor(visitor, () => finish(STREAM_CLOSE.refused, 'refused', REFUSED), times.visitorMs)
      touch()
      begin(attachment, resume)
      attached = attachment
      pump()
    },
    detach: (attachment) => {
      if (attached !== attachment) return
      attached = null
      detachTimer = setTimeout(() => finish(STREAM_CLOSE.ended, 'left'), times.detachedMs)
      patienceTimer = setTimeout(() => {
        patient = false
        regulate()
      }, times.patientMs)
    },
    input: (attachment, bytes) => {
      if (attached !== attachment || hungUp) return
      touch()
      received += bytes.length
      // A program that does not read stops the browser, not the agent's memory.
      if (shell.write(bytes)) attachment.tell({ type: 'ack', received })
      else attachment.flow(false)
    },
    ack: (attachment, offset) => {
      if (attached !== attachment || offset <= acknowledged) return
      if (offset > sent) finish(STREAM_CLOSE.malformed, 'malformed', BEYOND)
      acknowledged = offset
      if (!over) pump()
    },
    shows: (attachment) => attached === attachment,
    resize: (size) => {
      if (!hungUp) setSize(size)
    },
    end: (code, problem) => finish(code, problem?.code ?? 'closed', problem),
  }
}

const IDLE = { code: 'terminal-idle', message: 'Nothing was typed or printed for a long time.' }
const HUNG_UP = { code: 'guest-hung-up', message: 'The guest ended the connection: it may be rebooting.' }
const REFUSED = { code: 'access-ended', message: 'Your access to this lease has ended.' }
const TAKEN_OVER = { code: 'taken-over', message: 'The terminal was continued in another window.' }
const BEYOND = { code: 'offset-invalid', message: 'The offset is beyond what was ever sent.' }
export const UNKNOWN_SESSION = {
  code: 'terminal-unknown',
  message: 'That terminal is gone: its time ran out, or the agent was restarted. Open a new one.',
}
