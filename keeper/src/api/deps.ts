import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Follower, Journal } from '@decloud/chain'
import type { Deployment } from '@decloud/protocol'
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Heartbeats } from '../heartbeats.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Market } from '../ports/market.ts'
import type { Metrics } from '../ports/metrics.ts'
import type { Alerts } from '../services/alerts.ts'
import type { Health } from '../services/health.ts'
import type { Mailbox } from '../services/mailbox.ts'
import type { PlacementReader } from '../services/placement/reader.ts'
import type { Sessions } from '../services/sessions.ts'
import type { Sponsor } from '../services/sponsor.ts'
import type { Upkeep } from '../services/upkeep.ts'

export type ApiDeps = {
  deployment: Deployment
  ledger: Ledger
  market: Market
  follower: Pick<Follower, 'health'>
  /** Absent in a keeper without a key: it reads and serves, and does no chores. */
  journal: Pick<Journal, 'inFlight'> | null
  sessions: Sessions
  sponsor: Sponsor
  mailbox: Mailbox
  alerts: Alerts
  /** What the chores came to; absent without a key. */
  upkeep: Pick<Upkeep, 'status'> | null
  heartbeats: Pick<Heartbeats, 'post' | 'liveness' | 'report'>
  health: Health
  metrics: Metrics
  /** Aborted when the keeper begins to stop: answers without an end (event streams) end then, and say to come back. */
  draining: AbortSignal
  placement: PlacementReader
}

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>
