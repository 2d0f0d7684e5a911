import { DecloudError } from '@decloud/protocol'
import { encodeBeat, MAX_BEAT_BYTES, signedBeatSchema } from '@decloud/protocol/wire/heartbeat'
import { callerOf } from '@decloud/service/http'
import { z } from 'zod'
import { makeAllowance } from '../../lib/allowance.ts'
import type { ApiDeps, App } from '../deps.ts'

/** Refusals of one address at once, and how often one more. */
const BURST = 30
const EVERY_MS = 2_000

const accepted = z.strictObject({
  /** `known`: the slot was counted already. */
  outcome: z.enum(['accepted', 'known']),
})

/**
 * For agents that gossip cannot reach. The signature says who speaks, so nobody logs in. A node's slot is taken once and
 * then answered without being checked again, so a node costs four signatures a minute; what is refused is counted
 * against the address it came from, never against the node it speaks of.
 */
export const heartbeatsRoute = (app: App, { heartbeats }: ApiDeps) => {
  const refusals = makeAllowance({ burst: BURST, everyMs: EVERY_MS, now: Date.now })
  app.post(
    '/api/heartbeats',
    {
      bodyLimit: MAX_BEAT_BYTES,
      config: {
        problems: [
          'beat-malformed',
          'beat-not-agents',
          'beat-node-unknown',
          'beat-oversized',
          'beat-early',
          'beat-late',
        ],
      },
      schema: {
        summary: "One beat, signed by its node's agent",
        body: signedBeatSchema,
        response: { 200: accepted },
      },
      onRequest: async ({ ip }) => {
        if (!refusals.isSpent(callerOf(ip))) return
        throw new DecloudError('rate-limited', 'Too many beats from this address were refused.', {
          hint: 'Wait a minute; see what the earlier answers said.',
          details: { retryAfterSeconds: (BURST * EVERY_MS) / 1_000 },
        })
      },
      onError: async ({ ip }) => refusals.spend(callerOf(ip)),
    },
    async ({ body }) => ({ outcome: await heartbeats.post(encodeBeat(body)) }),
  )
}
