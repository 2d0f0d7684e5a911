import { compileAnswer, makeRouteTable } from '@decloud/service/http'
import fastifySwagger from '@fastify/swagger'
import Fastify, { type FastifyBaseLogger, LogController } from 'fastify'
import { jsonSchemaTransform, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import type { z } from 'zod'
import type { ApiDeps } from './deps.ts'
import { serveFast } from './fast-path.ts'
import { guardRequests } from './limits.ts'
import { observeRequests } from './observe.ts'
import { answerError, answerParserError, answerWithProblems } from './problems.ts'
import { accountRoute } from './routes/account.ts'
import { alertsRoute } from './routes/alerts.ts'
import { documentRoute } from './routes/document.ts'
import { earningsCsvRoute } from './routes/earnings-csv.ts'
import { eventsRoute } from './routes/events.ts'
import { figuresRoute } from './routes/figures.ts'
import { healthRoute } from './routes/health.ts'
import { heartbeatsRoute } from './routes/heartbeats.ts'
import { leasesRoute } from './routes/leases.ts'
import { mailboxRoute } from './routes/mailbox.ts'
import { nodeFactsRoute } from './routes/node-facts.ts'
import { nodesRoute } from './routes/nodes.ts'
import { placementRoute } from './routes/placement.ts'
import { prepareRoute } from './routes/prepare.ts'
import { relaysRoute } from './routes/relays.ts'
import { reviewsRoute } from './routes/reviews.ts'
import { sessionRoute } from './routes/session.ts'
import { sponsorRoute } from './routes/sponsor.ts'
import { templatesRoute } from './routes/templates.ts'
import { upkeepRoute } from './routes/upkeep.ts'
import { whoamiRoute } from './routes/whoami.ts'
import { decorateWithSessions } from './session.ts'

const ROUTES = [
  ...[nodesRoute, templatesRoute, reviewsRoute, leasesRoute, accountRoute, relaysRoute, figuresRoute],
  ...[prepareRoute, sessionRoute, eventsRoute, healthRoute, upkeepRoute],
  ...[placementRoute, heartbeatsRoute, nodeFactsRoute, whoamiRoute, sponsorRoute, mailboxRoute],
  ...[alertsRoute, earningsCsvRoute],
]

/** Bytes: a template's content and a sealed manifest, 16 KiB each as hex, with room for what is around them. */
const LONGEST_BODY = 65_536

/** The API, not listening yet. Nothing in it is secret; what writes proves by a signature that it may. */
export const makeServer = async (deps: ApiDeps, logger: FastifyBaseLogger) => {
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    requestTimeout: 10_000,
    // Of an answer too: who asks for much and reads nothing holds what waits for them. Streams send a beat more often.
    connectionTimeout: deps.config.stallSeconds * 1_000,
    // How often that time-out is looked at; by default twice a minute.
    http: { connectionsCheckingInterval: 5_000 },
    serverFactory: serveFast(deps),
    bodyLimit: LONGEST_BODY,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    trustProxy: deps.config.trustedProxies.length === 0 ? false : deps.config.trustedProxies,
    routerOptions: { maxParamLength: 200 },
    frameworkErrors: answerError,
    clientErrorHandler: answerParserError,
  }).withTypeProvider<ZodTypeProvider>()
  app.server.maxConnections = deps.config.maxConnections
  const table = makeRouteTable(app)
  // What a page may send across origins without asking first is no body of ours.
  app.removeContentTypeParser('text/plain')
  app.setValidatorCompiler(validatorCompiler)
  // Every schema here is one of zod's: what it does not name does not leave.
  app.setSerializerCompiler(({ schema }) => compileAnswer(schema as z.ZodType))
  observeRequests(app, deps.metrics)
  answerWithProblems(app, table.methodsAt)
  guardRequests(app, deps.limits)
  decorateWithSessions(app)
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'DeCloud keeper', version: '1', description: 'A cache of the chain, to read from.' },
      components: { securitySchemes: { session: { type: 'http', scheme: 'bearer' } } },
    },
    transform: jsonSchemaTransform,
  })
  for (const route of ROUTES) route(app, deps)
  documentRoute(app, deps, table)
  return Object.assign(app, { table })
}
