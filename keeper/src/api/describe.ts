import { pino } from 'pino'
import { apiSection } from '../config/api.ts'
import type { ApiDeps } from './deps.ts'
import { documentOf } from './document.ts'
import { makeLimits } from './limits.ts'
import { makeServer } from './server.ts'

/** The OpenAPI document of a keeper, without one: nothing but limits is asked of `deps` while routes are registered. */
export const describeApi = async () => {
  const config = apiSection.parse({})
  const deps: Partial<ApiDeps> = { config, limits: makeLimits(config) }
  const app = await makeServer(deps as ApiDeps, pino({ level: 'silent' }))
  await app.ready()
  try {
    return documentOf(app.swagger(), app.table.entries())
  } finally {
    await app.close()
  }
}
