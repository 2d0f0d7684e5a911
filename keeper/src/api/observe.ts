// How long answers take, by the pattern of their route: never by URL, which has as many values as there are leases.

import type { Metrics } from '@decloud/service/metrics'
import type { FastifyInstance } from 'fastify'

/** Takes method, pattern, status and seconds of each answer. */
export const observerOf = (metrics: Metrics) => {
  const histogram = metrics.histogram(
    'api_request_seconds',
    'Time from a request to the end of its answer.',
    {
      labels: ['method', 'route', 'status'],
    },
  )
  return (method: string, route: string, status: number, seconds: number) =>
    histogram.observe({ method, route, status: `${Math.floor(status / 100)}xx` }, seconds)
}

export const observeRequests = (app: FastifyInstance, metrics: Metrics) => {
  const observe = observerOf(metrics)
  // A set, not a count: a request that its client gave up ends twice.
  const underway = new Set<string>()
  metrics.watch('api_requests_in_flight', 'Requests that are being answered.', () => underway.size)
  // With callbacks: a promise for each would cost a ready answer as much as the answer itself.
  app.addHook('onRequest', (request, _, done) => {
    underway.add(request.id)
    done()
  })
  app.addHook('onRequestAbort', (request, done) => {
    underway.delete(request.id)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    underway.delete(request.id)
    observe(request.method, request.routeOptions.url ?? 'none', reply.statusCode, reply.elapsedTime / 1_000)
    done()
  })
}
