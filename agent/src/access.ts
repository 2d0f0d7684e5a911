// The part of the composition root that lets people in.
import { type Chain, type Follower, makeEventReader } from '@decloud/chain'
import type { Sessions } from '@decloud/service/sign-in'
import type { Database } from 'better-sqlite3'
import { type Business, makeBusiness } from './access/business.ts'
import { type Levels, makeLevels } from './access/levels.ts'
import { makeNames, type Names } from './access/names.ts'
import { keepOperatorToken } from './access/operator-token.ts'
import { makePace, type Pace, type PaceLimits } from './access/pace.ts'
import { type AccessRecord, makeAccessRecord } from './access/record.ts'
import { makeSignIn } from './access/sign-in.ts'
import { makeTickets, type Tickets } from './access/tickets.ts'
import type { AgentConfig } from './config/config.ts'
import type { Disposer } from './lib/disposer.ts'
import type { EventLog } from './ports/events.ts'
import type { LeaseChain } from './reconcile/ports.ts'

export type AccessOptions = {
  config: Pick<AgentConfig, 'dataDir' | 'node' | 'apiHost' | 'apiPublicUrl' | 'apiPages'>
  chain: Chain
  follower: Follower
  leases: LeaseChain
  db: Database
  events: EventLog
  /** The usual ones by default. */
  pace?: PaceLimits | undefined
  nowMs: () => number
  disposer: Disposer
}

export type Access = {
  readonly sessions: Sessions
  readonly levels: Levels
  readonly business: Business
  readonly tickets: Tickets
  readonly isOperatorToken: (text: string) => boolean
  readonly record: AccessRecord
  readonly names: Names
  readonly pace: Pace
}

/** Ends with `disposer`. @throws AgentError when the operator's token cannot be kept. */
export const openAccess = (options: AccessOptions): Access => {
  const { config, chain, follower, leases, db, events, nowMs, disposer } = options
  const { deployment } = chain
  const { node } = config
  const levels = makeLevels({ chain, node, health: follower.health, nowMs })
  disposer.add(
    follower.onChange((change) => {
      if (change.kind === 'finalized') return
      for (const event of change.events) if ('leaseId' in event.args) levels.forget(event.args.leaseId)
    }),
  )
  const business = makeBusiness({ db, read: makeEventReader(deployment), deployment, leases, levels })
  const names = makeNames(config)
  return {
    ...{ levels, business, names },
    sessions: makeSignIn({ chain, db, node, business, names, nowMs }),
    tickets: makeTickets(nowMs),
    isOperatorToken: keepOperatorToken(config.dataDir),
    record: makeAccessRecord(events, nowMs),
    pace: makePace(options.pace),
  }
}
