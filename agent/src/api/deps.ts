import type { IncomingMessage, ServerResponse } from 'node:http'
import type { SignedFacts } from '@decloud/protocol/wire/facts'
import type { MetricsRegistry } from '@decloud/service/metrics'
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Access } from '../access.ts'
import type { Usage } from '../metrics/usage.ts'
import type { Closer } from '../orders/closer.ts'
import type { OrderDesk } from '../orders/desk.ts'
import type { VmStore } from '../reconcile/ports.ts'
import type { Issuer } from '../ssh/issuer.ts'
import type { Streams } from '../streams.ts'
import type { Health } from './health.ts'

export type ApiDeps = {
  access: Access
  /** Addresses and ranges of proxies that may say for whom they ask. */
  trustedProxies: readonly string[]
  store: Pick<VmStore, 'get' | 'all'>
  health: () => Promise<Health>
  certificates: Issuer
  usage: Pick<Usage, 'of' | 'sampledMs'>
  metrics: Pick<MetricsRegistry, 'text' | 'contentType'>
  streams: Streams
  /** What the node says of itself, signed; null before the first time. */
  statement: () => SignedFacts | null
  orders: { desk: Pick<OrderDesk, 'accept'>; closer: Pick<Closer, 'accept'> }
}

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>
