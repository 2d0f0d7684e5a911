// What the operator reads afterwards: who was let in and who was not. Two groups of kinds, so that knocks do not push out
// entries.
import type { Hex } from 'viem'
import { makeOnceIn } from '../events/once-in.ts'
import type { EventLog } from '../ports/events.ts'

/** One request, as far as it is told. */
export type Knock = {
  method: string
  /** The pattern of the route; a path that is none's is not kept. */
  route: string
  /** The network it came from. */
  caller: string
  origin: string | null
}

type Whose = { by: string | null; leaseId: Hex | null }

/** A visit goes on for so long without being told again. */
const VISIT_MS = 60 * 60_000
const MOST_VISITS = 4_096
/** Of what was turned away for its pace, one in so long for each caller. */
const FLOOD_MS = 60_000

export type AccessRecord = ReturnType<typeof makeAccessRecord>

export const makeAccessRecord = (events: EventLog, nowMs: () => number) => {
  const visits = makeOnceIn(VISIT_MS, nowMs, MOST_VISITS)
  const floods = makeOnceIn(FLOOD_MS, nowMs)
  return {
    refused: (code: string, message: string, knock: Knock, { by, leaseId }: Whose): void => {
      if (code === 'rate-limited' && !floods(knock.caller)) return
      events.record({ kind: `refusal.${code}`, by, leaseId, message, details: { ...knock } })
    },
    signedIn: (address: string, knock: Knock): void =>
      events.record({
        ...{ kind: 'access.signed-in', by: address },
        ...{ message: `${address} signed in.`, details: { ...knock } },
      }),
    /** @param visit told once while it goes on; null for what is told each time. */
    entered: (what: string, visit: string | null, knock: Knock, { by, leaseId }: Whose): void => {
      if (visit !== null && !visits(visit)) return
      events.record({ kind: 'access.entered', by, leaseId, message: what, details: { ...knock } })
    },
  }
}
