// What tenants send: signed orders, and signed closes. See wire/order.ts. Both prove by their body who sends them, and a
// stranger learns from neither whether there is such a lease here.
import { RevertError } from '@decloud/chain'
import { refusalOf } from '@decloud/protocol'
import { leaseStatusSchema } from '@decloud/protocol/wire/node'
import { closeAcceptedSchema, closeBodySchema, orderBodySchema } from '@decloud/protocol/wire/order'
import { AgentError } from '../../lib/errors.ts'
import type { ApiDeps, App } from '../deps.ts'
import { notHere, openTo } from '../guard.ts'
import { leaseReport } from '../report.ts'
import { leaseParams } from './params.ts'

const TAGS = ['orders']
/** A signature of a wallet contract may take 4 KiB of hex; nothing else here is long. */
const BODY_LIMIT = 8_192

export const ordersRoute = (app: App, { orders, store }: ApiDeps) => {
  app.post(
    '/v1/leases/:leaseId/orders',
    {
      ...openTo('signed', { problems: ORDER_PROBLEMS }),
      bodyLimit: BODY_LIMIT,
      schema: {
        tags: TAGS,
        summary: 'An order that the tenant or a Manager has signed; the report as it is with it',
        params: leaseParams,
        body: orderBodySchema,
        response: { 202: leaseStatusSchema },
      },
    },
    async (request, reply) => {
      const { leaseId } = request.params
      await orders.desk.accept(leaseId, request.body)
      request.knownAs = request.body.signer
      const vm = store.get(leaseId)
      if (vm === null) throw notHere()
      return reply.code(202).send(leaseReport(vm))
    },
  )
  app.post(
    '/v1/leases/:leaseId/close',
    {
      ...openTo('signed', { problems: CLOSE_PROBLEMS }),
      bodyLimit: BODY_LIMIT,
      schema: {
        tags: TAGS,
        summary: 'A close that the tenant has signed: the node carries it out and pays the gas',
        params: leaseParams,
        body: closeBodySchema,
        response: { 202: closeAcceptedSchema },
      },
    },
    async (request, reply) => {
      const { leaseId } = request.params
      await orders.closer.accept(leaseId, request.body).catch(inContractsWords)
      return reply.code(202).send({ leaseId, accepted: true as const })
    },
  )
}

const CHAIN_PROBLEMS = ['lease-unknown', 'lease-over', 'order-rate', 'rpc-unreachable', 'rpc-refused']
const CLOSE_PROBLEMS = [...CHAIN_PROBLEMS, 'contract-refused']
const ORDER_PROBLEMS = [
  ...CHAIN_PROBLEMS,
  ...['order-other-node', 'order-early', 'order-expired', 'order-too-long'],
  ...['order-replayed', 'order-superseded', 'restore-unfit'],
]

/** What the contract would not take, in the words of the protocol. */
const inContractsWords = (error: unknown): never => {
  if (!(error instanceof RevertError)) throw error
  const words = refusalOf(error.errorName, error.args)
  throw new AgentError('contract-refused', words?.message ?? error.message, {
    hint: words?.hint ?? error.hint,
    cause: error,
  })
}
