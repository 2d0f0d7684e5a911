import { nodeIndexParams } from '@decloud/protocol/wire/api'
import { MAX_FACTS_BYTES, signedFactsSchema } from '@decloud/protocol/wire/facts'
import { z } from 'zod'
import type { ApiDeps, App } from '../deps.ts'

const accepted = z.strictObject({
  /** `known`: the same statement was here already. */
  outcome: z.enum(['accepted', 'known']),
})

/** The signature says who speaks, so nobody logs in. What was taken is shown with the node. */
export const nodeFactsRoute = (app: App, { nodeFacts }: ApiDeps) => {
  app.post(
    '/api/nodes/:node/facts',
    {
      bodyLimit: MAX_FACTS_BYTES,
      config: {
        costly: true,
        problems: ['facts-early', 'facts-not-agents', 'facts-other-node', 'facts-superseded', 'node-unknown'],
      },
      schema: {
        tags: ['nodes'],
        summary: 'What a node says of its machine, signed by its agent; the newest is kept and shown',
        params: nodeIndexParams,
        body: signedFactsSchema,
        response: { 200: accepted },
      },
    },
    async ({ params, body }) => ({ outcome: await nodeFacts.post(params.node, body) }),
  )
}
