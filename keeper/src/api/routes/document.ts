import type { Ready } from '../answers.ts'
import type { ApiDeps, App } from '../deps.ts'
import { documentOf } from '../document.ts'
import { give } from '../reads.ts'
import type { RouteTable } from '../routing.ts'

/** OpenAPI 3.1. */
export const documentRoute = (app: App, { answers }: ApiDeps, table: RouteTable) => {
  let ready: Ready | null = null
  app.get('/openapi.json', { schema: { hide: true } }, (request, reply) => {
    ready ??= answers.make(JSON.stringify(documentOf(app.swagger(), table.entries())))
    give(request, reply, ready)
  })
}
