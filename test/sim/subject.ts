// The keeper's index as the keeper makes it, on a real database file: feed, projector, ledger, auditor. It can be killed
// between any two of its steps and in the middle of a transaction, and its disk can fill up or be held by somebody else.
import { copyFileSync, existsSync } from 'node:fs'
import { connect, type Follower, makeFollower, openDatabase, type Projector } from '@decloud/chain'
import type { DecloudError } from '@decloud/protocol'
import Sqlite, { type Database } from 'better-sqlite3'
import type { Pace } from '../../chain/src/wait.ts'
import { readMinimumStake } from '../../keeper/src/adapters/chain/stake.ts'
import { makeContractStorage } from '../../keeper/src/adapters/chain/storage.ts'
import { makeLedger } from '../../keeper/src/adapters/store/ledger.ts'
import { openPicture } from '../../keeper/src/adapters/store/picture.ts'
import { makeLedgerProjector } from '../../keeper/src/adapters/store/projector.ts'
import type { Ledger } from '../../keeper/src/ports/ledger.ts'
import { makeAuditor } from '../../keeper/src/services/auditor.ts'
import type { Random } from '../world/random.ts'
import type { Clock } from './clock.ts'
import type { Market } from './market.ts'
import type { Plan } from './plan.ts'
import type { Trace } from './trace.ts'
import type { Life, Wire } from './wire.ts'

export type Subject = {
  life: Life
  db: Database
  follower: Follower
  ledger: Ledger
  audit: ReturnType<typeof makeAuditor>['audit']
  /** The transaction that comes next is not lived to the end. */
  killInTransaction(then: () => void): void
  close(): void
}

export type Surroundings = {
  plan: Plan
  market: Market
  clock: Clock
  wire: Wire
  trace: Trace
  random: Random
}

/** Time as a keeper of this life has it: when it is dead, nothing that it waits for comes. */
const paceOf = (life: Life, clock: Clock, random: Random): Pace => ({
  now: clock.now,
  random: random.next,
  pause: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
      clock.after(ms, () => {
        if (life.alive) resolve()
      })
    }),
})

/** What a killed process leaves on its disk: the file, and the part of its log that was written. */
export const copyOf = (path: string, to: string): void => {
  for (const suffix of ['', '-wal']) {
    if (existsSync(path + suffix)) copyFileSync(path + suffix, to + suffix)
  }
}

/** @throws what a keeper throws at its start; it is to be started again. */
export const startSubject = async (
  around: Surroundings,
  path: string,
  life: Life,
  honest = false,
): Promise<Subject> => {
  const { plan, market, clock, wire, trace, random } = around
  const { deployment } = market
  const urls = wire.rpcs.map(({ url }) => url)
  const pace = paceOf(life, clock, random)
  const chain = await connect({ urls, deployment, pace, transport: wire.transport(life, honest) })
  const db = openDatabase(path)
  try {
    // Nobody waits for a lock here: time stands still while SQLite does.
    db.pragma('busy_timeout = 0')
    let dies: (() => void) | null = null
    const dieNow = () => {
      const then = dies
      if (then === null) return
      dies = null
      then()
      throw new Error('killed')
    }
    const mortal: Projector = { migrate: () => {}, apply: dieNow, revert: dieNow }
    const { projector, refoldAll } = makeLedgerProjector(deployment)
    const follower = makeFollower({
      ...{ chain, db, projectors: [projector, mortal], ...plan.settings },
      onError: ({ code }: DecloudError) => {
        if (life.alive) trace.note(`${clock.now()} ${life.name} error ${code}`)
      },
    })
    follower.onChange((change) => {
      const what = 'events' in change ? `${change.cursor?.hash.slice(0, 10)} ${change.events.length}` : ''
      trace.note(
        `${clock.now()} ${life.name} ${change.kind} ${what || String('height' in change && change.height)}`,
      )
    })
    const ledger = makeLedger(db)
    const quiet = { info: () => {}, warn: () => {}, error: () => {} }
    const storage = makeContractStorage(chain)
    // A constant of a contract, asked for when it is first needed: a start has troubles enough of its own.
    let minimumStake: bigint | null | undefined
    const auditor = makeAuditor({
      ...{ deployment, follower, storage, refold: () => refoldAll(db), log: quiet },
      openPicture: ({ timestamp }) =>
        openPicture(path, { deployment, minimumStake: minimumStake ?? null, time: Number(timestamp) }),
    })
    const audit: Subject['audit'] = async (scope) => {
      minimumStake ??= await readMinimumStake(chain, follower.health().cursor?.height)
      return auditor.audit(scope)
    }
    return {
      ...{ life, db, follower, ledger, audit },
      killInTransaction: (then) => {
        dies = then
      },
      close: () => {
        life.alive = false
        // Only its timers and listeners: what it waits for never comes.
        void follower.close()
        db.close()
      },
    }
  } catch (error) {
    db.close()
    throw error
  }
}

/** Another process that writes to the same database. @returns how to make it let go. */
export const hold = (path: string): (() => void) => {
  const other = new Sqlite(path, { timeout: 0 })
  other.exec('BEGIN IMMEDIATE')
  return () => {
    other.exec('ROLLBACK')
    other.close()
  }
}

/** The disk has no more room than the database takes now; `null`: as much as it wants. */
export const setFull = (db: Database, full: boolean): void => {
  db.pragma(`max_page_count = ${full ? Number(db.pragma('page_count', { simple: true })) : 4_294_967_294}`)
}
