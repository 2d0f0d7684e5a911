import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Follower, Journal } from '@decloud/chain'
import type { Deployment } from '@decloud/protocol'
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Ledger } from '../ports/ledger.ts'
import type { Market } from '../ports/market.ts'
import type { Alerts } from '../services/alerts.ts'
import type { Mailbox } from '../services/mailbox.ts'
import type { Sessions } from '../services/sessions.ts'
import type { Sponsor } from '../services/sponsor.ts'

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
}

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>
