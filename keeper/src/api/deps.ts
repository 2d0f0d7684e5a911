import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Follower, Journal } from '@decloud/chain'
import type { Deployment } from '@decloud/protocol'
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Ledger } from '../ports/ledger.ts'
import type { PlacementReader } from '../services/placement/reader.ts'

export type ApiDeps = {
  deployment: Deployment
  ledger: Ledger
  follower: Pick<Follower, 'health'>
  /** Absent in a keeper without a key: it reads and serves, and does no chores. */
  journal: Pick<Journal, 'inFlight'> | null
  placement: PlacementReader
}

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>
