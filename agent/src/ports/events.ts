// What an operator wants to read back later: facts about this node, in order, long after the log has been rotated.
import type { Hex } from 'viem'

/** `kind` is two words, `<group>.<what>`; `by` is the address of whoever caused it, null for the node itself. */
export type NodeEvent = {
  atMs: number
  kind: string
  leaseId: Hex | null
  by: string | null
  message: string
  details: Readonly<Record<string, unknown>>
}

export type EventLog = {
  /** Never throws: what cannot be written is told to the log. Secrets have no place here; those named so are blanked. */
  record(event: {
    kind: string
    leaseId?: Hex | null
    by?: string | null
    message: string
    details?: Readonly<Record<string, unknown>>
  }): void
}
