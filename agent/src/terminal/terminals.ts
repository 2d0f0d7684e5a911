// The terminals of a node: how many there may be, whose each is, and the end of all of them.
import { randomBytes } from 'node:crypto'
import { STREAM_CLOSE } from '@decloud/protocol/wire/terminal'
import { type Hex, isAddressEqual } from 'viem'
import { AgentError } from '../lib/errors.ts'
import type { EventLog } from '../ports/events.ts'
import type { EnterGuest } from '../ports/guest-login.ts'
import type { Visitor } from '../ports/visitor.ts'
import { connectGuest, type TerminalSize } from '../ssh/guest-client.ts'
import { makeSession, type Session, type SessionTimes } from './session.ts'

/** A lease's first terminal is let in beyond `perNode`: whoever takes all places keeps no neighbour out. */
export type TerminalLimits = SessionTimes & { perLease: number; perNode: number }

export const TERMINAL_LIMITS: TerminalLimits = {
  patientMs: 20_000,
  detachedMs: 5 * 60_000,
  idleMs: 60 * 60_000,
  perLease: 8,
  perNode: 64,
}

export type Terminals = {
  /** @throws AgentError `terminal-too-many`, or why the guest cannot be entered. */
  open(visitor: Visitor, size: TerminalSize): Promise<Session>
  /** null also for one of another visitor or another lease. */
  find(visitor: Visitor, id: string): Session | null
  /** Ends every session. */
  close(): Promise<void>
}

export const makeTerminals = (deps: {
  enterGuest: EnterGuest
  events: EventLog
  limits?: TerminalLimits
}): Terminals => {
  const limits = deps.limits ?? TERMINAL_LIMITS
  const sessions = new Map<string, Session>()
  /** Leases of the sessions that are being opened. */
  const opening: Hex[] = []
  let closed = false

  const reserve = (leaseId: Hex) => {
    const leases = [...opening, ...[...sessions.values()].map((session) => session.leaseId)]
    const here = leases.filter((lease) => lease === leaseId).length
    if (here >= limits.perLease || (here > 0 && leases.length >= limits.perNode)) {
      throw new AgentError('terminal-too-many', 'Too many terminals are open.', {
        hint: 'Close one that you no longer need: `exit` ends it for good.',
        details: { lease: here, node: leases.length },
      })
    }
    opening.push(leaseId)
    return () => {
      opening.splice(opening.indexOf(leaseId), 1)
    }
  }

  const note = (kind: string, visitor: Pick<Visitor, 'leaseId' | 'address'>, message: string) =>
    deps.events.record({ kind, leaseId: visitor.leaseId, by: visitor.address, message })

  const enter = async (visitor: Visitor, size: TerminalSize): Promise<Session> => {
    const client = await connectGuest(await deps.enterGuest(visitor.leaseId))
    const shell = await client.shell(size).catch((error: unknown) => {
      client.close()
      throw error
    })
    const id = randomBytes(16).toString('base64url')
    const session = makeSession({
      ...{ id, address: visitor.address, leaseId: visitor.leaseId, client, shell, times: limits },
      onEnd: (why) => {
        sessions.delete(id)
        note('terminal.closed', visitor, `A terminal was closed: ${why}.`)
      },
    })
    sessions.set(id, session)
    if (closed) session.end(STREAM_CLOSE.stopping, STOPPING)
    else note('terminal.opened', visitor, 'A terminal was opened.')
    return session
  }

  return {
    open: async (visitor, size) => {
      const release = reserve(visitor.leaseId)
      try {
        return await enter(visitor, size)
      } finally {
        release()
      }
    },
    find: (visitor, id) => {
      const session = sessions.get(id)
      const own =
        session?.leaseId === visitor.leaseId &&
        isAddressEqual(session.address as Visitor['address'], visitor.address)
      return own ? session : null
    },
    close: async () => {
      closed = true
      for (const session of [...sessions.values()]) session.end(STREAM_CLOSE.stopping, STOPPING)
    },
  }
}

const STOPPING = { code: 'agent-stopping', message: "The node's agent is stopping; try again soon." }
