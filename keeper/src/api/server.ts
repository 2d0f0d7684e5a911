import fastifyCors from '@fastify/cors'
import fastifySwagger from '@fastify/swagger'
import Fastify, { type FastifyBaseLogger, LogController } from 'fastify'
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import type { ApiDeps } from './deps.ts'
import { tagResponses } from './etag.ts'
import { observeRequests } from './observe.ts'
import { answerWithProblems } from './problems.ts'
import { accountRoute } from './routes/account.ts'
import { alertsRoute } from './routes/alerts.ts'
import { earningsCsvRoute } from './routes/earnings-csv.ts'
import { healthRoute } from './routes/health.ts'
import { heartbeatsRoute } from './routes/heartbeats.ts'
import { leaseRoute } from './routes/lease.ts'
import { leasesRoute } from './routes/leases.ts'
import { mailboxRoute } from './routes/mailbox.ts'
import { nodeRoute } from './routes/node.ts'
import { nodesRoute } from './routes/nodes.ts'
import { placementRoute } from './routes/placement.ts'
import { sessionRoute } from './routes/session.ts'
import { sponsorRoute } from './routes/sponsor.ts'
import { upkeepRoute } from './routes/upkeep.ts'
import { decorateWithSessions } from './session.ts'

/** The API, not listening yet. Nothing in it is secret; what writes proves by a signature that it may. */
export const makeServer = async (deps: ApiDeps, logger: FastifyBaseLogger) => {
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    requestTimeout: 10_000,
    bodyLimit: 32_768,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 100 },
  }).withTypeProvider<ZodTypeProvider>()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  observeRequests(app, deps.metrics)
  answerWithProblems(app)
  decorateWithSessions(app)
  tagResponses(app)
  await app.register(fastifyCors, {
    origin: '*',
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
    exposedHeaders: ['etag'],
  })
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'DeCloud keeper', version: '1', description: 'A cache of the chain, to read from.' },
      components: { securitySchemes: { session: { type: 'http', scheme: 'bearer' } } },
    },
    transform: jsonSchemaTransform,
  })
  for (const route of [
    nodesRoute,
    nodeRoute,
    leasesRoute,
    leaseRoute,
    placementRoute,
    accountRoute,
    healthRoute,
    upkeepRoute,
    heartbeatsRoute,
    sessionRoute,
    sponsorRoute,
    mailboxRoute,
    alertsRoute,
    earningsCsvRoute,
  ])
    route(app, deps)
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  return app
}
