import { signedFactsSchema } from '@decloud/protocol/wire/facts'
import { AgentError } from '../../lib/errors.ts'
import type { ApiDeps, App } from '../deps.ts'
import { requireInsider } from '../guard.ts'
import { SECURITY } from '../security.ts'

export const nodeRoute = (app: App, deps: ApiDeps) => {
  app.get(
    '/v1/node',
    {
      ...requireInsider(deps, { problems: ['node-facts-none'] }),
      schema: {
        tags: ['node'],
        summary: 'What this node says of its machine, signed by its agent: a statement, not a proof',
        security: SECURITY.insider,
        response: { 200: signedFactsSchema },
      },
    },
    async () => {
      const signed = deps.statement()
      if (signed !== null) return signed
      throw new AgentError('node-facts-none', 'This node has not signed anything of itself yet.', {
        hint: 'It does so within a minute of its start.',
      })
    },
  )
}
