// The API of a node. Every route says who may use it, and every answer has a schema: what it does not name stays inside.
import { compileAnswer, makeRouteTable, type RouteEntry } from '@decloud/service/http'
import fastifySwagger from '@fastify/swagger'
import Fastify, { type FastifyBaseLogger, LogController } from 'fastify'
import { jsonSchemaTransform, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import type { z } from 'zod'
import { AgentError } from '../lib/errors.ts'
import type { ApiDeps, App } from './deps.ts'
import { watchDoors } from './doors.ts'
import { declareAccess } from './guard.ts'
import { hurryBodies } from './hurry.ts'
import { agentProblems } from './problems.ts'
import { documentRoute } from './routes/document.ts'
import { fileContentRoute } from './routes/file-content.ts'
import { filesRoute } from './routes/files.ts'
import { healthRoute } from './routes/health.ts'
import { leasesRoute } from './routes/leases.ts'
import { metricsRoute } from './routes/metrics.ts'
import { nodeRoute } from './routes/node.ts'
import { ordersRoute } from './routes/orders.ts'
import { sessionRoute } from './routes/session.ts'
import { sshRoute } from './routes/ssh.ts'
import { terminalRoute } from './routes/terminal.ts'
import { ticketsRoute } from './routes/tickets.ts'
import { usageRoute } from './routes/usage.ts'
import { SECURITY_SCHEMES } from './security.ts'
import { takeWebSockets } from './websocket.ts'

const ROUTES: readonly ((app: App, deps: ApiDeps) => void)[] = [
  ...[sessionRoute, ticketsRoute, leasesRoute, ordersRoute],
  ...[terminalRoute, filesRoute, fileContentRoute],
  ...[sshRoute, nodeRoute, healthRoute, usageRoute, metricsRoute],
]

/** Bytes; a sign-in with a contract wallet's signature is the longest. */
const LONGEST_BODY = 16_384
const MOST_CONNECTIONS = 512

/** The API, not listening yet. */
export const makeServer = async (deps: ApiDeps, logger: FastifyBaseLogger) => {
  const { answerError, answerParserError, answerWithProblems } = agentProblems(deps.access)
  const app = Fastify({
    loggerInstance: logger,
    trustProxy: deps.trustedProxies.length === 0 ? false : [...deps.trustedProxies],
    // A line of the log for each request would hold its URL, and that may hold a ticket.
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: true,
    // Bodies have a limit of their own: see hurry.ts.
    requestTimeout: 0,
    http: { connectionsCheckingInterval: 5_000, headersTimeout: 10_000 },
    bodyLimit: LONGEST_BODY,
    routerOptions: { maxParamLength: 200 },
    frameworkErrors: (error, request, reply) => {
      // No hook sees these: an upgrade among them would leave a socket that nobody hangs up.
      reply.raw.once('finish', () => request.raw.socket.destroySoon())
      return answerError(error, request, reply)
    },
    clientErrorHandler: answerParserError,
  }).withTypeProvider<ZodTypeProvider>()
  app.server.maxConnections = MOST_CONNECTIONS
  const table = makeRouteTable(app)
  declareAccess(app)
  // Before every hook that may refuse: the plugin hangs up only on upgrades that it has seen begin.
  await takeWebSockets(app)
  // What a page may send across origins without asking first is no body of ours.
  app.removeContentTypeParser('text/plain')
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(({ schema }) => compileAnswer(schema as z.ZodType))
  answerWithProblems(app, table.methodsAt)
  watchDoors(app, deps.access)
  hurryBodies(app, answerParserError)
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'DeCloud node',
        version: '1',
        description: 'One node: its machines, for those who use them.',
      },
      components: { securitySchemes: SECURITY_SCHEMES },
    },
    transform: jsonSchemaTransform,
  })
  for (const route of ROUTES) route(app, deps)
  documentRoute(app, deps, table)
  return Object.assign(app, { table })
}

export type Api = { url: string; routes: readonly RouteEntry[]; close(): Promise<void> }

export type Listening = { host?: string | undefined; port: number }

/** @throws AgentError `port-taken`, `api-unusable`. */
export const startApi = async (
  deps: ApiDeps,
  { host = '127.0.0.1', port }: Listening,
  logger: FastifyBaseLogger,
): Promise<Api> => {
  const app = await makeServer(deps, logger)
  try {
    await app.listen({ host, port })
  } catch (cause) {
    await app.close()
    throw listenError({ host, port }, cause)
  }
  const address = app.server.address()
  const bound = typeof address === 'object' && address !== null ? address.port : port
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${bound}`
  deps.access.names.listensAt(url)
  return { url, routes: app.table.entries(), close: () => app.close() }
}

const listenError = ({ host, port }: { host: string; port: number }, cause: unknown) =>
  cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
    ? new AgentError('port-taken', `Port ${port} on ${host} is taken by another program.`, {
        hint: 'Set DECLOUD_API_PORT to a free port, or to 0 for any.',
        cause,
      })
    : new AgentError('api-unusable', `The API cannot listen on ${host}:${port}.`, {
        hint: 'Set DECLOUD_API_HOST to an address of this machine.',
        cause,
      })
