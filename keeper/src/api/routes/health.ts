import type { FeedState } from '@decloud/chain'
import { type ApiHealth, healthSchema } from '@decloud/protocol/wire/api'
import type { ApiDeps, App } from '../deps.ts'

const STATUS: Readonly<Record<FeedState, ApiHealth['status']>> = {
  live: 'ok',
  syncing: 'syncing',
  stale: 'stale',
  disagreeing: 'stale',
}

export const healthRoute = (app: App, { deployment, follower, journal }: ApiDeps) => {
  app.get(
    '/health',
    {
      schema: {
        summary: 'Whether the answers of this keeper are those of the chain now; 503 unless they are',
        response: { 200: healthSchema, 503: healthSchema },
      },
    },
    async (_, reply) => {
      const { state, head, cursor, finalized, silentMs, lastError, disagreement } = follower.health()
      const status = STATUS[state]
      return reply.code(status === 'ok' ? 200 : 503).send({
        status,
        chainId: deployment.chainId,
        leaseEscrow: deployment.leaseEscrow,
        head: head?.height ?? null,
        indexed: cursor?.height ?? null,
        finalized,
        lagBlocks: lagOf(head?.height, cursor?.height),
        silentMs,
        lastError: lastError === null ? null : { code: lastError.code, sentence: lastError.sentence },
        disagreement,
        inFlight: journal?.inFlight().length ?? 0,
      })
    },
  )
}

const lagOf = (head: bigint | undefined, indexed: bigint | undefined): bigint | null => {
  if (head === undefined) return null
  if (indexed === undefined) return head
  return head > indexed ? head - indexed : 0n
}
