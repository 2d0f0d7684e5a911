// Tickets: for what a browser opens without headers of its own (a WebSocket, a download). Half a minute, one use, one
// lease; kept as hashes, in memory: after a restart everybody asks for a new one.
import { createHash, randomBytes } from 'node:crypto'
import type { TicketUse } from '@decloud/protocol/wire/access'
import type { Address, Hex } from 'viem'
import { AgentError } from '../lib/errors.ts'

const LIFE_MS = 30_000
/** Tickets that are out; a used one counts until it would have expired, so that its second use is known for one. */
const MOST = 2_000
/** Of one session. */
const MOST_EACH = 32

export type Ticket = { session: string; address: Address; leaseId: Hex; use: TicketUse }
type Kept = Ticket & { untilMs: number; used: boolean }

const hashOf = (ticket: string) => createHash('sha256').update(ticket).digest('hex')

export type Tickets = ReturnType<typeof makeTickets>

export const makeTickets = (nowMs: () => number) => {
  /** In the order of their making, which is that of their ends. */
  const kept = new Map<string, Kept>()

  const sweep = () => {
    for (const [hash, { untilMs }] of kept) {
      if (untilMs > nowMs()) break
      kept.delete(hash)
    }
  }

  const isFull = (session: string) => {
    if (kept.size >= MOST) return true
    let own = 0
    for (const one of kept.values()) if (one.session === session) own += 1
    return own >= MOST_EACH
  }

  return {
    /** @returns unix seconds with it. @throws AgentError `tickets-full`. */
    issue: (ticket: Ticket): { ticket: string; expiresAt: number } => {
      sweep()
      if (isFull(ticket.session)) {
        throw new AgentError('tickets-full', 'There are too many tickets out that were not used.', {
          hint: 'Try again in half a minute.',
          details: { retryAfterSeconds: LIFE_MS / 1_000 },
        })
      }
      const text = `dct_${randomBytes(32).toString('base64url')}`
      const untilMs = nowMs() + LIFE_MS
      kept.set(hashOf(text), { ...ticket, untilMs, used: false })
      return { ticket: text, expiresAt: Math.floor(untilMs / 1_000) }
    },
    /**
     * Takes a ticket, whatever comes of it then: it never works again.
     * @throws AgentError `ticket-unknown`, `ticket-used`, `ticket-other` for another lease or use.
     */
    take: (text: string, leaseId: Hex, use: TicketUse): Ticket => {
      const ticket = kept.get(hashOf(text))
      if (ticket === undefined || ticket.untilMs <= nowMs()) {
        throw refused('ticket-unknown', 'The ticket is unknown or has expired.')
      }
      if (ticket.used) throw refused('ticket-used', 'The ticket was used before.')
      ticket.used = true
      if (ticket.leaseId !== leaseId || ticket.use !== use) {
        throw refused('ticket-other', 'The ticket is for something else.')
      }
      return ticket
    },
  }
}

const refused = (code: string, message: string) =>
  new AgentError(code, message, { hint: 'Ask for a new one: each works once, for half a minute.' })
