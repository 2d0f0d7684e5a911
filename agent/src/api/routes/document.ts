import { documentOf, type RouteTable } from '@decloud/service/http'
import type { ApiDeps, App } from '../deps.ts'
import { requireSession } from '../guard.ts'
import { REFUSED } from '../problems.ts'

/** OpenAPI 3.1, of this very agent. */
export const documentRoute = (app: App, deps: ApiDeps, table: RouteTable) => {
  let text: string | null = null
  app.get('/v1/openapi.json', { ...requireSession(deps), schema: { hide: true } }, (_, reply) => {
    text ??= JSON.stringify(documentOf(app.swagger(), table.entries(), REFUSED))
    return reply.type('application/json; charset=utf-8').send(text)
  })
}
