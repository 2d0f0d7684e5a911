// Who reads the serial console of each guest: one visitor at a time, the last who came.
import type { Duplex } from 'node:stream'
import type { Hex } from 'viem'
import { AgentError } from '../lib/errors.ts'
import type { EventLog } from '../ports/events.ts'
import { type Hypervisor, HypervisorError } from '../ports/hypervisor.ts'
import type { Visitor } from '../ports/visitor.ts'

/** Why a reader is let go. */
export type Parting = 'taken-over' | 'guest-off' | 'agent-stopping'

export type Consoles = {
  /**
   * @param onPart called once, unless the reader lets go of the stream before.
   * @throws AgentError `guest-not-running`, `guest-unreachable`.
   */
  open(visitor: Visitor, onPart: (why: Parting) => void): Promise<Duplex>
  close(): Promise<void>
}

export const makeConsoles = (deps: {
  hypervisor: Pick<Hypervisor, 'openConsole'>
  events: EventLog
}): Consoles => {
  /** How each reader of now is let go. */
  const readers = new Map<Hex, (why: Parting) => void>()
  /** Counts those who came; the driver cuts off the reader before, who is told why by whether there is a next. */
  const turns = new Map<Hex, number>()

  const read = (visitor: Visitor, turn: number, stream: Duplex, onPart: (why: Parting) => void) => {
    const { leaseId, address } = visitor
    let told = false
    const part = (why: Parting) => {
      if (told) return
      told = true
      stream.destroy()
      onPart(why)
    }
    readers.set(leaseId, part)
    stream.on('error', () => undefined) // `close` follows
    stream.once('close', () => {
      if (readers.get(leaseId) === part) readers.delete(leaseId)
      deps.events.record({
        ...{ kind: 'console.closed', leaseId, by: address },
        message: 'A serial console was closed.',
      })
      part(turns.get(leaseId) === turn ? 'guest-off' : 'taken-over')
    })
  }

  return {
    open: async (visitor, onPart) => {
      const { leaseId, address } = visitor
      const turn = (turns.get(leaseId) ?? 0) + 1
      turns.set(leaseId, turn)
      const stream = await deps.hypervisor.openConsole(leaseId).catch((error: unknown) => {
        throw explain(error)
      })
      readers.get(leaseId)?.('taken-over')
      read(visitor, turn, stream, onPart)
      deps.events.record({
        ...{ kind: 'console.opened', leaseId, by: address },
        message: 'A serial console was opened.',
      })
      return stream
    },
    close: async () => {
      for (const part of [...readers.values()]) part('agent-stopping')
    },
  }
}

const explain = (error: unknown) => {
  if (!(error instanceof HypervisorError)) return error
  const off = error.code === 'wrong-state' || error.code === 'not-found'
  return off
    ? new AgentError('guest-not-running', 'The guest is off: its console says nothing.', {
        hint: 'Start it first.',
        cause: error,
      })
    : new AgentError('guest-unreachable', "The guest's console cannot be opened now.", {
        hint: 'Try again in a minute.',
        cause: error,
      })
}
