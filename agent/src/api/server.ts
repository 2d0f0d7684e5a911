// Status over HTTP, on loopback only, and what tenants order. Everything served is public; what changes anything carries
// its own signature, so that it may come from a page of any origin.
import { DecloudError } from '@decloud/protocol'
import { leaseStatusSchema } from '@decloud/protocol/wire/node'
import { type FastifyInstance, fastify } from 'fastify'
import { z } from 'zod'
import type { VmRecord } from '../domain/vm.ts'
import { dutiesSchema } from '../duties/status.ts'
import { AgentError } from '../lib/errors.ts'
import type { VmStore } from '../reconcile/ports.ts'
import { LEASE_ID, leaseIdIn, NO_RECORD, type OrderRoutes, orderRoutes } from './orders.ts'
import { problem } from './problem.ts'
import { leaseReport } from './report.ts'

const HOST = '127.0.0.1'

export const healthSchema = z.strictObject({
  status: z.enum(['ok', 'degraded']),
  node: z.int(),
  agent: z.string(),
  chain: z.strictObject({
    feed: z.string(),
    head: z.string().nullable(),
    finalized: z.string().nullable(),
    error: z.string().nullable(),
  }),
  hypervisor: z.strictObject({ acceleration: z.string(), arch: z.string(), reason: z.string() }),
  /** How bandwidth tiers are kept, and why so. */
  shaping: z.strictObject({ mode: z.enum(['libvirt', 'tc', 'none']), reason: z.string() }),
  /** Null while it cannot be read. `low`: nothing new is set up; `critical`: guests may soon stop at a write. */
  disk: z
    .strictObject({ level: z.enum(['ok', 'low', 'critical']), freeBytes: z.int(), totalBytes: z.int() })
    .nullable(),
  /** Null when no keeper is configured. */
  beats: z
    .strictObject({
      /** Unix seconds / 15 of the last one that was taken. */
      lastSlot: z.int().nullable(),
      via: z.enum(['gossip', 'http']).nullable(),
      error: z.string().nullable(),
    })
    .nullable(),
  /** What the node does on chain by itself. */
  duties: dutiesSchema,
  guests: z.strictObject({
    running: z.int(),
    /** Domains of this agent under a lease that the chain says nothing about: never touched, for a person to look at. */
    unknown: z.array(z.string()),
  }),
})
export type Health = z.output<typeof healthSchema>

const leaseListSchema = z.strictObject({ leases: z.array(leaseStatusSchema) })

export type ApiOptions = {
  port: number
  store: Pick<VmStore, 'get' | 'all'>
  health: () => Promise<Health>
  orders: OrderRoutes
}

/** @throws AgentError `port-taken`, `api-unusable`. */
export const startApi = async (options: ApiOptions): Promise<{ url: string; close(): Promise<void> }> => {
  const app = fastify({ logger: false, forceCloseConnections: true, requestTimeout: 10_000 })
  guard(app)
  routes(app, options)
  try {
    await app.listen({ host: HOST, port: options.port })
  } catch (cause) {
    await app.close()
    throw listenError(options.port, cause)
  }
  const address = app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : options.port
  return { url: `http://${HOST}:${port}`, close: () => app.close() }
}

const listenError = (port: number, cause: unknown) =>
  cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
    ? new AgentError('port-taken', `Port ${port} on ${HOST} is taken by another program.`, {
        hint: 'Set DECLOUD_API_PORT to a free port, or to 0 for any.',
        cause,
      })
    : new AgentError('api-unusable', `The status API cannot listen on ${HOST}:${port}.`, { cause })

/** A page whose name was rebound to 127.0.0.1 sends its own name as Host: it gets nothing. */
const guard = (app: FastifyInstance) => {
  app.addHook('onRequest', async (request, reply) => {
    const name = request.headers.host?.replace(/:\d+$/, '')
    if (name !== HOST && name !== 'localhost' && name !== '[::1]') {
      return problem(reply, 421, 'host-refused', 'This API answers to 127.0.0.1 and localhost alone.')
    }
    reply.header('access-control-allow-origin', '*')
    reply.header('cache-control', 'no-store')
    reply.header('x-content-type-options', 'nosniff')
  })
  app.options('/*', async (_, reply) =>
    reply
      .header('access-control-allow-methods', 'GET, POST')
      .header('access-control-allow-headers', 'content-type')
      .header('access-control-max-age', '600')
      .header('access-control-allow-private-network', 'true')
      .code(204)
      .send(),
  )
  app.setNotFoundHandler((_, reply) => problem(reply, 404, 'not-found', 'There is nothing at this address.'))
  app.setErrorHandler((error, _, reply) => {
    if (error instanceof DecloudError) return problem(reply, 503, error.code, error.sentence)
    // Fastify's own: a body that is too long, no JSON, or of another type.
    const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500
    return status >= 400 && status < 500
      ? problem(reply, status, 'request-invalid', 'The request has no JSON body of the size taken here.')
      : problem(reply, 500, 'internal', 'The agent could not answer.')
  })
}

const routes = (app: FastifyInstance, { store, health, orders }: ApiOptions) => {
  const reportOf = (vm: VmRecord) => leaseStatusSchema.parse(leaseReport(vm))

  app.get('/health', async (_, reply) => {
    const body = healthSchema.parse(await health())
    return reply.code(body.status === 'ok' ? 200 : 503).send(body)
  })

  app.get('/v1/leases', async () => leaseListSchema.parse({ leases: store.all().map(leaseReport) }))

  app.get<{ Params: { leaseId: string } }>('/v1/leases/:leaseId', async (request, reply) => {
    const leaseId = leaseIdIn(request.params.leaseId)
    if (leaseId === null) return problem(reply, 400, 'lease-id-invalid', LEASE_ID)
    const vm = store.get(leaseId)
    return vm === null ? problem(reply, 404, 'lease-unknown', NO_RECORD) : reportOf(vm)
  })

  orderRoutes(app, orders, (leaseId) => {
    const vm = store.get(leaseId)
    return vm === null ? null : reportOf(vm)
  })
}
