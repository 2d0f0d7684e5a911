// The part of the composition root through which people enter guests: terminals, serial consoles, files.
import type { Database } from 'better-sqlite3'
import { type Consoles, makeConsoles } from './console/consoles.ts'
import type { Disposer } from './lib/disposer.ts'
import type { EnterGuest } from './ports/guest-login.ts'
import type { Visitor } from './ports/visitor.ts'
import type { Deps } from './reconcile/ports.ts'
import { type Files, makeFiles } from './sftp/files.ts'
import { makeParts } from './sftp/parts.ts'
import { makeTerminals, type TerminalLimits, type Terminals } from './terminal/terminals.ts'
import { watchVisitor } from './terminal/watch-visitor.ts'

export type Streams = {
  readonly terminals: Terminals
  readonly consoles: Consoles
  readonly files: Files
  /** Of a transfer: `onGone` when the visitor may no longer be there. @returns the function that ends the watch. */
  watch(visitor: Pick<Visitor, 'still'>, onGone: () => void): () => void
}

/** Between two looks for what uploads have left behind; each enters only guests where something is known to be left. */
const SWEEP_MS = 60_000

/** Ends with `disposer`. */
export const openStreams = (options: {
  db: Database
  deps: Pick<Deps, 'hypervisor' | 'events' | 'store' | 'log'>
  enterGuest: EnterGuest
  limits?: TerminalLimits | undefined
  disposer: Disposer
}): Streams => {
  const { db, deps, enterGuest, limits, disposer } = options
  const { hypervisor, events, store, log } = deps
  const terminals = makeTerminals({ enterGuest, events, ...(limits === undefined ? {} : { limits }) })
  const consoles = makeConsoles({ hypervisor, events })
  const lives = (leaseId: `0x${string}`) => {
    const vm = store.get(leaseId)
    return vm !== null && vm.status !== 'Deleted'
  }
  const files = makeFiles({ enterGuest, parts: makeParts(db), lives, log })
  const sweep = () => {
    files.sweep().catch((error: unknown) => log.warn({ err: error }, 'uploads could not be tidied up'))
  }
  const timer = setInterval(sweep, SWEEP_MS)
  disposer.add(async () => {
    clearInterval(timer)
    await Promise.all([terminals.close(), consoles.close(), files.close()])
  })
  return {
    ...{ terminals, consoles, files },
    watch: (visitor, onGone) => watchVisitor(visitor, onGone, limits?.visitorMs),
  }
}
