// How long answers take, by the pattern of their route: never by URL, which has as many values as there are leases.

import type { Metrics } from '@decloud/service/metrics'
import type { FastifyInstance } from 'fastify'

/** Counts answers that lay ready, by route and status. They take microseconds: timing them would cost a tenth of that. */
export const counterOf = (metrics: Metrics) => {
  const given = new Map<string, { fresh: number; same: number }>()
  metrics.watchTotals(
    'api_ready_answers_total',
    'Answers that lay ready; not among those that api_request_seconds times.',
    ['route', 'status'],
    () =>
      [...given].flatMap(([route, { fresh, same }]) => [
        { labels: { route, status: '2xx' }, value: fresh },
        { labels: { route, status: '3xx' }, value: same },
      ]),
  )
  const countsOf = (route: string) => {
    const known = given.get(route)
    if (known !== undefined) return known
    const counts = { fresh: 0, same: 0 }
    given.set(route, counts)
    return counts
  }
  return (route: string, status: number) => {
    countsOf(route)[status === 304 ? 'same' : 'fresh']++
  }
}

export const observeRequests = (app: FastifyInstance, metrics: Metrics) => {
  const histogram = metrics.histogram(
    'api_request_seconds',
    'Time from a request to the end of its answer, of those that were worked out.',
    { labels: ['method', 'route', 'status'] },
  )
  let underway = 0
  metrics.watch('api_requests_in_flight', 'Requests that are being answered.', () => underway)
  // With callbacks: a promise for each would cost a ready answer as much as the answer itself.
  app.addHook('onRequest', (_, reply, done) => {
    underway++
    // Once for each response, also when the client has left.
    reply.raw.once('close', () => underway--)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    const status = `${Math.floor(reply.statusCode / 100)}xx`
    const route = request.routeOptions.url ?? 'none'
    histogram.observe({ method: request.method, route, status }, reply.elapsedTime / 1_000)
    done()
  })
}
