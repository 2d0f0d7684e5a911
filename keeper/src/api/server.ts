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
import { answerWithProblems } from './problems.ts'
import { accountRoute } from './routes/account.ts'
import { healthRoute } from './routes/health.ts'
import { leaseRoute } from './routes/lease.ts'
import { leasesRoute } from './routes/leases.ts'
import { nodeRoute } from './routes/node.ts'
import { nodesRoute } from './routes/nodes.ts'
import { placementRoute } from './routes/placement.ts'

/** The read API, not listening yet. Nothing in it writes; nothing in it is secret. */
export const makeServer = async (deps: ApiDeps, logger: FastifyBaseLogger) => {
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    requestTimeout: 10_000,
    bodyLimit: 1_024,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 100 },
  }).withTypeProvider<ZodTypeProvider>()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  answerWithProblems(app)
  tagResponses(app)
  await app.register(fastifyCors, { origin: '*', methods: ['GET', 'HEAD'], exposedHeaders: ['etag'] })
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'DeCloud keeper', version: '1', description: 'A cache of the chain, to read from.' },
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
  ])
    route(app, deps)
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  return app
}
