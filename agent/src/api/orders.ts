// What tenants send: signed orders, and signed closes. See wire/order.ts.
import { RevertError } from '@decloud/chain'
import { DecloudError, refusalOf } from '@decloud/protocol'
import type { LeaseStatusReport } from '@decloud/protocol/wire/node'
import { closeAcceptedSchema, closeBodySchema, orderBodySchema } from '@decloud/protocol/wire/order'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { type Hex, isHex } from 'viem'
import { z } from 'zod'
import type { Closer } from '../orders/closer.ts'
import type { OrderDesk } from '../orders/desk.ts'
import { problem } from './problem.ts'

export type OrderRoutes = { desk: Pick<OrderDesk, 'accept'>; closer: Pick<Closer, 'accept'> }

export const LEASE_ID = 'A lease id is 0x and 64 hex digits.'
export const NO_RECORD = 'This node has no record of that lease.'

/** A signature of a wallet contract may take 4 KiB of hex; nothing else here is long. */
const BODY_LIMIT = 8_192

/** @returns the id as it is kept; null when it is none. */
export const leaseIdIn = (text: string): Hex | null => {
  const leaseId = text.toLowerCase()
  return isHex(leaseId) && leaseId.length === 66 ? leaseId : null
}

const STATUS: Readonly<Record<string, number>> = {
  'lease-unknown': 404,
  'lease-over': 409,
  'order-other-node': 422,
  'order-early': 422,
  'order-expired': 422,
  'order-too-long': 422,
  'order-unsigned': 422,
  'order-forbidden': 403,
  'order-replayed': 409,
  'order-superseded': 409,
  'restore-unfit': 409,
  'order-rate': 429,
}

export const orderRoutes = (
  app: FastifyInstance,
  { desk, closer }: OrderRoutes,
  reportOf: (leaseId: Hex) => LeaseStatusReport | null,
) => {
  type Asked = { Params: { leaseId: string }; Body: unknown }

  /** The path and the body are looked at first; what the desk refuses is told with its own status. */
  const take = async <body>(
    request: { params: Asked['Params']; body: unknown },
    reply: FastifyReply,
    schema: z.ZodType<body>,
    serve: (leaseId: Hex, body: body) => Promise<FastifyReply>,
  ) => {
    const leaseId = leaseIdIn(request.params.leaseId)
    if (leaseId === null) return problem(reply, 400, 'lease-id-invalid', LEASE_ID)
    const body = schema.safeParse(request.body)
    if (!body.success) return problem(reply, 400, 'order-malformed', z.prettifyError(body.error))
    // An order before the node has even begun with the lease would have no machine to be about.
    if (reportOf(leaseId) === null) return problem(reply, 404, 'lease-unknown', NO_RECORD)
    try {
      return await serve(leaseId, body.data)
    } catch (error) {
      return refused(reply, error)
    }
  }

  app.post<Asked>('/v1/leases/:leaseId/orders', { bodyLimit: BODY_LIMIT }, (request, reply) =>
    take(request, reply, orderBodySchema, async (leaseId, body) => {
      await desk.accept(leaseId, body)
      return reply.code(202).send(reportOf(leaseId))
    }),
  )

  app.post<Asked>('/v1/leases/:leaseId/close', { bodyLimit: BODY_LIMIT }, (request, reply) =>
    take(request, reply, closeBodySchema, async (leaseId, body) => {
      await closer.accept(leaseId, body)
      return reply.code(202).send(closeAcceptedSchema.parse({ leaseId, accepted: true }))
    }),
  )
}

const refused = (reply: FastifyReply, error: unknown) => {
  if (error instanceof RevertError) {
    const words = refusalOf(error.errorName, error.args)
    const detail = words === undefined ? error.sentence : `${words.message} ${words.hint}`
    return problem(reply, 422, 'contract-refused', detail)
  }
  const status = error instanceof DecloudError ? STATUS[error.code] : undefined
  if (!(error instanceof DecloudError) || status === undefined) throw error
  if (status === 429) reply.header('retry-after', '60')
  return problem(reply, status, error.code, error.sentence)
}
