import type { RouteTable } from '@decloud/service/http'
import { documentOf } from '@decloud/service/http'
import type { Ready } from '../answers.ts'
import type { ApiDeps, App } from '../deps.ts'
import { REFUSALS } from '../problems.ts'
import { give } from '../reads.ts'

/** OpenAPI 3.1. */
export const documentRoute = (app: App, { answers }: ApiDeps, table: RouteTable) => {
  let ready: Ready | null = null
  app.get('/openapi.json', { schema: { hide: true } }, (request, reply) => {
    ready ??= answers.make(JSON.stringify(documentOf(app.swagger(), table.entries(), REFUSALS)))
    give(request, reply, ready)
  })
}
