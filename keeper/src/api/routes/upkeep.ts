import { DecloudError } from '@decloud/protocol'
import { problemSchema } from '@decloud/protocol/wire/api'
import { upkeepSchema } from '@decloud/protocol/wire/upkeep'
import type { ApiDeps, App } from '../deps.ts'

export const upkeepRoute = (app: App, { upkeep }: ApiDeps) => {
  app.get(
    '/api/upkeep',
    {
      schema: {
        summary: 'What this keeper did for leases, what it left out and why, and what that cost',
        response: { 200: upkeepSchema, 404: problemSchema },
      },
      config: { problems: ['upkeep-none'] },
    },
    async () => {
      if (upkeep !== null) return upkeep.status()
      throw new DecloudError(
        'upkeep-none',
        'This keeper has no key: it reads and serves, and does no chores.',
      )
    },
  )
}
