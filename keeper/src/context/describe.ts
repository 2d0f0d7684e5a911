import { documentOf } from '@decloud/service/http'
import { makeMetrics } from '@decloud/service/metrics'
import { pino } from 'pino'
import type { ApiDeps } from '../api/deps.ts'
import { makeLimits } from '../api/limits.ts'
import { REFUSALS } from '../api/problems.ts'
import { makeServer } from '../api/server.ts'
import { apiSection } from '../config/api.ts'
import { METRICS_PREFIX } from './operations.ts'

/** The OpenAPI document of a keeper, without one: no more than this is asked of `deps` while routes are registered. */
export const describeApi = async () => {
  const config = apiSection.parse({})
  const { metrics } = makeMetrics(METRICS_PREFIX)
  const deps: Partial<ApiDeps> = { config, metrics, limits: makeLimits(config) }
  const app = await makeServer(deps as ApiDeps, pino({ level: 'silent' }))
  await app.ready()
  try {
    return documentOf(app.swagger(), app.table.entries(), REFUSALS)
  } finally {
    await app.close()
  }
}
