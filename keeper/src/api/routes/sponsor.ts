import { DecloudError } from '@decloud/protocol'
import { addressParam, wordText } from '@decloud/protocol/wire/api/values'
import {
  SPONSOR_KINDS,
  type SponsorKind,
  type SponsorRequest,
  sponsorBodies,
  sponsorStatusSchema,
  sponsorshipSchema,
  sponsorWaitSchema,
} from '@decloud/protocol/wire/sponsor'
import { z } from 'zod'
import { originOf } from '../../lib/origin.ts'
import type { ApiDeps, App } from '../deps.ts'

const TAGS = ['sponsor']
const CALLS: Readonly<Record<SponsorKind, string>> = {
  open: 'openWithAuthorization',
  'top-up': 'topUpBySig',
  'top-up-from-wallet': 'topUpWithAuthorization',
  close: 'closeBySig',
  withdraw: 'withdrawBySig',
  'auto-renew': 'setAutoRenewBySig',
}
/** A sealed manifest and a signature in hex, and the figures around them. */
const BODY_LIMIT = 40_960

/** Why a call that is well formed may not be sent. */
const PROBLEMS = [
  'sponsor-deposit-small',
  'sponsor-gas',
  'sponsor-manifest-large',
  'sponsor-not-worth',
  'sponsor-address-cost',
  'sponsor-address-count',
  'sponsor-busy',
  'sponsor-origin-busy',
  'sponsor-origin-count',
  'sponsor-reverts',
  'sponsor-budget',
  'sponsor-crowded',
  'sponsor-empty',
  'sponsor-off',
  'contract-refused',
  'signature-invalid',
  'mandate-early',
  'mandate-expiring',
  'rpc-unreachable',
  'rpc-refused',
  'lease-unknown',
]

export const sponsorRoute = (app: App, { sponsor }: ApiDeps) => {
  app.get(
    '/api/sponsor',
    {
      schema: {
        tags: TAGS,
        summary: 'Whether this keeper pays for gas, within which limits, and what is left of them today',
        querystring: z.object({ address: addressParam.optional() }),
        response: { 200: sponsorStatusSchema },
      },
    },
    async ({ query }) => sponsor.status(query.address ?? null),
  )
  app.get(
    '/api/sponsor/:id',
    {
      schema: {
        tags: TAGS,
        summary: 'What became of a call that was handed in',
        params: z.object({ id: wordText }),
        response: { 200: sponsorshipSchema },
      },
      config: { problems: ['sponsorship-unknown'] },
    },
    async ({ params: { id } }) => {
      const found = sponsor.find(id.toLowerCase() as typeof id)
      if (found !== undefined) return found
      throw new DecloudError('sponsorship-unknown', `Nothing was handed in under ${id}.`)
    },
  )
  for (const kind of SPONSOR_KINDS) {
    app.post(
      `/api/sponsor/${kind}`,
      {
        bodyLimit: BODY_LIMIT,
        schema: {
          tags: TAGS,
          summary: `Sends a signed ${CALLS[kind]}; 200 once it is in a block, 202 while it is on its way`,
          querystring: sponsorWaitSchema,
          body: sponsorBodies[kind],
          response: { 200: sponsorshipSchema, 202: sponsorshipSchema },
        },
        config: { problems: PROBLEMS, costly: true },
      },
      async ({ body, query, ip }, reply) => {
        // Kind and body belong together: the schema above was taken by the same kind.
        const request = { kind, ...body } as SponsorRequest
        const answer = await sponsor.submit(request, { origin: originOf(ip), waitMs: query.wait * 1_000 })
        return reply.code(answer.state === 'waiting' ? 202 : 200).send(answer)
      },
    )
  }
}
