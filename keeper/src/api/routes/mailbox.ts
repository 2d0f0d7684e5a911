import { wordText } from '@decloud/protocol/wire/api/values'
import {
  mailboxCollectSchema,
  mailboxEntrySchema,
  mailboxPostSchema,
  mailboxSealedSchema,
} from '@decloud/protocol/wire/mailbox'
import type { Hex } from 'viem'
import { z } from 'zod'
import type { ApiDeps, App } from '../deps.ts'

const TAGS = ['mailbox']
/** The largest manifest and signature in hex, and the figures around them. */
const BODY_LIMIT = 40_960
const params = z.object({ leaseId: wordText })
const idOf = ({ leaseId }: { leaseId: Hex }) => leaseId.toLowerCase() as Hex

/** What a message that is well formed may be refused for. */
const PROBLEMS = [
  'mailbox-stale',
  'mailbox-not-agent',
  'mailbox-not-tenant',
  'mailbox-empty',
  'mailbox-lease-state',
  'mailbox-node',
  'mailbox-superseded',
  'mailbox-large',
  'mailbox-early',
  'mailbox-expired',
  'mailbox-rate',
  'mailbox-closed',
  'mailbox-full',
  'lease-unknown',
  'signature-invalid',
  'not-indexed',
]

export const mailboxRoute = (app: App, { mailbox }: ApiDeps) => {
  app.get(
    '/api/mailbox/:leaseId',
    {
      schema: {
        tags: TAGS,
        summary: 'Whether a manifest waits for a lease: its hash, not its bytes',
        params,
        response: { 200: mailboxEntrySchema },
      },
      config: { problems: ['mailbox-empty'] },
    },
    async ({ params }) => mailbox.find(idOf(params)),
  )
  app.put(
    '/api/mailbox/:leaseId',
    {
      bodyLimit: BODY_LIMIT,
      schema: {
        tags: TAGS,
        summary: 'Leaves a sealed manifest for the node of an assigned lease, signed by its tenant',
        params,
        body: mailboxPostSchema,
        response: { 200: mailboxEntrySchema },
      },
      config: { problems: PROBLEMS, costly: true },
    },
    async ({ params, body }) => mailbox.post(idOf(params), body),
  )
  app.post(
    '/api/mailbox/:leaseId/collect',
    {
      schema: {
        tags: TAGS,
        summary: 'Hands the sealed manifest to the agent of the node, which signs for it',
        params,
        body: mailboxCollectSchema,
        response: { 200: mailboxSealedSchema },
      },
      config: { problems: PROBLEMS, costly: true },
    },
    async ({ params, body }) => mailbox.collect(idOf(params), body),
  )
}
