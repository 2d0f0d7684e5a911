import { PREPARE_BODIES, PREPARED_ACTS, type PreparedAct, preparedSchema } from '@decloud/protocol/wire/api'
import { prepareCall } from '../../domain/prepared.ts'
import type { ApiDeps, App } from '../deps.ts'

const SUMMARY: Readonly<Record<PreparedAct, string>> = {
  profile: "A call that sets a node's description and tags",
  pricing: "A call that sets a node's prices",
  publish: 'A call that publishes a template, or the next version of one',
  open: 'A call that opens a lease',
  'review-node': "A call that reviews a lease's node",
  'review-template': "A call that reviews a lease's template",
}

/** What used to be a write: the call for a wallet to send, and what it would do as things stand. */
export const prepareRoute = (app: App, { deployment, simulate }: ApiDeps) => {
  for (const act of PREPARED_ACTS) {
    app.post(
      `/api/prepare/${act}`,
      {
        schema: {
          tags: ['prepare'],
          summary: SUMMARY[act],
          body: PREPARE_BODIES[act],
          response: { 200: preparedSchema },
        },
        config: { costly: true, problems: ['contract-missing'] },
      },
      async (request) => {
        // One route per act, each with the body of that act.
        const body = request.body as Parameters<typeof prepareCall>[2]
        const { to, data } = prepareCall(deployment, act, body)
        const result = await simulate({ from: body.from, to, data })
        return {
          chainId: deployment.chainId,
          to,
          data,
          value: 0n,
          simulated: {
            outcome: result.outcome,
            message: result.outcome === 'refused' ? result.refusal.message : null,
            hint: result.outcome === 'refused' ? result.refusal.hint : null,
            gas: result.outcome === 'accepted' ? result.gas : null,
          },
        }
      },
    )
  }
}
