import { pino } from 'pino'
import { makeMetrics } from '../adapters/metrics/registry.ts'
import type { ApiDeps } from '../api/deps.ts'
import { documentOf } from '../api/document.ts'
import { makeLimits } from '../api/limits.ts'
import { makeServer } from '../api/server.ts'
import { apiSection } from '../config/api.ts'

/** The OpenAPI document of a keeper, without one: no more than this is asked of `deps` while routes are registered. */
export const describeApi = async () => {
  const config = apiSection.parse({})
  const { metrics } = makeMetrics()
  const deps: Partial<ApiDeps> = { config, metrics, limits: makeLimits(config) }
  const app = await makeServer(deps as ApiDeps, pino({ level: 'silent' }))
  await app.ready()
  try {
    return documentOf(app.swagger(), app.table.entries())
  } finally {
    await app.close()
  }
}
