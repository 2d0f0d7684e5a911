import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Follower, Journal } from '@decloud/chain'
import type { Deployment } from '@decloud/protocol'
import type { Metrics } from '@decloud/service/metrics'
import type { Sessions } from '@decloud/service/sign-in'
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Address } from 'viem'
import type { ApiConfig } from '../config/api.ts'
import type { Heartbeats } from '../heartbeats.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Market } from '../ports/market.ts'
import type { Readiness } from '../ports/readiness.ts'
import type { RepairBook } from '../ports/repairs.ts'
import type { Series } from '../ports/series.ts'
import type { Simulate } from '../ports/simulate.ts'
import type { Alerts } from '../services/alerts.ts'
import type { Catalogue } from '../services/catalogue.ts'
import type { Health } from '../services/health.ts'
import type { Live } from '../services/live.ts'
import type { Mailbox } from '../services/mailbox.ts'
import type { NodeFactsDesk } from '../services/node-facts.ts'
import type { PlacementReader } from '../services/placement/reader.ts'
import type { Sponsor } from '../services/sponsor.ts'
import type { Upkeep } from '../services/upkeep.ts'
import type { Answers } from './answers.ts'
import type { Limits } from './limits.ts'

export type ApiDeps = {
  config: ApiConfig
  deployment: Deployment
  ledger: Ledger
  market: Market
  catalogue: Catalogue
  follower: Pick<Follower, 'health'>
  /** Absent in a keeper without a key: it reads and serves, and does no chores. */
  journal: Pick<Journal, 'inFlight'> | null
  sessions: Sessions
  sponsor: Sponsor
  mailbox: Mailbox
  nodeFacts: NodeFactsDesk
  alerts: Alerts
  live: Live
  readiness: Readiness
  repairs: RepairBook
  series: Series
  simulate: Simulate
  answers: Answers
  limits: Limits
  /** Whose word makes a node audited. */
  auditors: readonly Address[]
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
