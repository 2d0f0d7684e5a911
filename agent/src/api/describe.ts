import { documentOf } from '@decloud/service/http'
import { pino } from 'pino'
import { makeNames } from '../access/names.ts'
import { makePace } from '../access/pace.ts'
import type { ApiDeps } from './deps.ts'
import { REFUSED } from './problems.ts'
import { makeServer } from './server.ts'

/** The OpenAPI document of an agent, without one: no more than this is asked of `deps` while routes are registered. */
export const describeApi = async () => {
  const access = { names: makeNames({}), pace: makePace() }
  const deps = { access, trustedProxies: [] as readonly string[] } as ApiDeps
  const app = await makeServer(deps, pino({ level: 'silent' }))
  await app.ready()
  try {
    return documentOf(app.swagger(), app.table.entries(), REFUSED)
  } finally {
    await app.close()
  }
}
