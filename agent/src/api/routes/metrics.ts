import type { ApiDeps, App } from '../deps.ts'
import { requireOperator } from '../guard.ts'

/** Prometheus' text format; a scrape sends the operator's token as its bearer token. No JSON: not in the document. */
export const metricsRoute = (app: App, deps: ApiDeps) => {
  app.get('/metrics', { ...requireOperator(deps), schema: { hide: true } }, async (_, reply) =>
    reply.type(deps.metrics.contentType).send(await deps.metrics.text()),
  )
}
