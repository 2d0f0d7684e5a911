// How long answers take, by the pattern of their route: never by URL, which has as many values as there are leases.
import type { FastifyInstance } from 'fastify'
import type { Metrics } from '../ports/metrics.ts'

export const observeRequests = (app: FastifyInstance, metrics: Metrics) => {
  const seconds = metrics.histogram('api_request_seconds', 'Time from a request to the end of its answer.', {
    labels: ['method', 'route', 'status'],
  })
  // A set, not a count: a request that its client gave up ends twice.
  const underway = new Set<string>()
  metrics.watch('api_requests_in_flight', 'Requests that are being answered.', () => underway.size)
  app.addHook('onRequest', async (request) => {
    underway.add(request.id)
  })
  app.addHook('onRequestAbort', async (request) => {
    underway.delete(request.id)
  })
  app.addHook('onResponse', async (request, reply) => {
    underway.delete(request.id)
    const { method, routeOptions } = request
    const status = `${Math.floor(reply.statusCode / 100)}xx`
    seconds.observe({ method, route: routeOptions.url ?? 'none', status }, reply.elapsedTime / 1_000)
  })
}
