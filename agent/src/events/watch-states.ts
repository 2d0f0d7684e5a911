// Conditions that somebody asks for rather than hears of: each change of one is an event.
import type { EventLog } from '../ports/events.ts'

const LOOK_MS = 2_000

/** `state` is compared, `message` is for people. */
export type Condition = { readonly state: string; readonly message: string }

/**
 * @param conditions by group of the kind; a reader answers at once, null while there is nothing to say. The first answer
 *   is what the later ones are held against; it is news only where it is not `usual`.
 * @returns the end of it.
 */
export const recordStates = (
  conditions: Readonly<Record<string, { readonly usual: string; read(): Condition | null }>>,
  events: EventLog,
  { everyMs = LOOK_MS } = {},
) => {
  const known = new Map<string, string>()
  const look = () => {
    for (const [group, { usual, read }] of Object.entries(conditions)) {
      const now = read()
      const before = known.get(group) ?? usual
      if (now === null || now.state === before) continue
      known.set(group, now.state)
      const details = { from: before, to: now.state }
      events.record({ kind: `${group}.${now.state}`, message: now.message, details })
    }
  }
  look()
  const timer = setInterval(look, everyMs)
  return () => clearInterval(timer)
}
