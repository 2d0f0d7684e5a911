// Everything about placement, put together: the picture of the market, the scheduler where this keeper may be one, and
// the explanations that every keeper gives.
import type { Follower, Journal } from '@decloud/chain'
import type { LeaseView } from '@decloud/protocol'
import type { Address } from 'viem'
import type { SchedulerConfig } from '../../config/scheduler.ts'
import type { PlacementRequest } from '../../domain/placement/types.ts'
import { repeat } from '../../lib/loop.ts'
import type { Ledger } from '../../ports/ledger.ts'
import type { Liveness } from '../../ports/liveness.ts'
import type { Log } from '../../ports/log.ts'
import type { Placements } from '../../ports/placements.ts'
import type { Roles } from '../../ports/roles.ts'
import { makeScheduler, type SchedulerRound } from '../scheduler.ts'
import { makeAttempts } from './attempts.ts'
import { makePlacementReader, type PlacementReader } from './reader.ts'
import { makeTrigger } from './trigger.ts'
import { makePlacementWorld } from './world.ts'

export type PlacementDeps = {
  follower: Pick<Follower, 'health' | 'synced' | 'onChange'>
  /** Absent without a key: then nothing is placed. */
  journal: Pick<Journal, 'send' | 'inFlight' | 'address'> | null
  ledger: Ledger
  liveness: Liveness
  roles: Roles
  placements: Placements
  tagsOf(node: number): readonly string[]
  escrow: Address
  config: SchedulerConfig
  log: Log
  onError(error: unknown): void
  now?(): number
}

export type Placement = PlacementReader & {
  /** A round now, besides the regular ones; `null` where this keeper places nothing. */
  round(): Promise<SchedulerRound | null>
  /** Begins the regular rounds. */
  start(): void
  /** Ends them. Close the journal as well: a round waits for its transactions. */
  close(): Promise<void>
}

const BEHIND_MS = 1_000

export const makePlacement = (deps: PlacementDeps): Placement => {
  const { config, journal, follower, ledger, roles, placements, escrow, log, now = Date.now } = deps
  const abort = new AbortController()
  const attempts = makeAttempts(config.retrySeconds * 1_000, now)
  const reloadMs = config.reloadSeconds * 1_000
  const world = makePlacementWorld({ ...deps, reloadMs, now })
  const requestOf = ({ leaseId, terms, deposited, activateBy }: LeaseView): PlacementRequest => ({
    ...{ leaseId, terms, deposited, activateBy, tags: [] },
    avoid: attempts.avoided(leaseId),
  })
  const { maxInFlight } = config
  const common = { follower, world, attempts, placements, requestOf }
  const scheduler =
    journal === null || !config.enabled
      ? null
      : makeScheduler({ ...common, journal, roles, escrow, maxInFlight, log, signal: abort.signal })
  const everyMs = config.everySeconds * 1_000
  const trigger = makeTrigger(follower, abort.signal)
  // One round at a time: the room that one has reserved the next one must see.
  let last: Promise<unknown> = Promise.resolve()
  const round = async () => {
    if (scheduler === null) return null
    const mine = last.then(() => scheduler.round())
    last = mine.catch(() => undefined)
    return mine
  }
  let loop: Promise<void> = Promise.resolve()
  const reader = makePlacementReader({
    ...common,
    ledger,
    status: () => scheduler?.status() ?? null,
  })
  return {
    ...reader,
    round,
    start: () => {
      if (scheduler === null) return
      const turn = async () => {
        // Nothing tells when the feed has caught up.
        const isBehind = scheduler.status().state === 'feed-behind'
        await trigger.next(isBehind ? Math.min(everyMs, BEHIND_MS) : attempts.nextIn(everyMs))
        if (!abort.signal.aborted) await round()
      }
      loop = repeat(turn, 0, abort.signal, deps.onError)
    },
    close: async () => {
      abort.abort()
      trigger.close()
      world.close()
      await loop
      await last
    },
  }
}
