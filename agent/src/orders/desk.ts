// Takes signed orders: each is checked here, and on disk before it is acknowledged. What comes of it is the planner's.
import { checkOrderTimes, type LeaseView, orderTypedData } from '@decloud/protocol'
import type { OrderBody } from '@decloud/protocol/wire/order'
import { type Hex, hashTypedData, isAddressEqual } from 'viem'
import { whyUnfit } from '../domain/adoption.ts'
import { givenByMs } from '../domain/orders.ts'
import { AgentError } from '../lib/errors.ts'
import type { LeaseChain, Log } from '../reconcile/ports.ts'
import type { Authority } from './authority.ts'
import type { ChainOrders } from './chain-orders.ts'
import { makeLimiter } from './limiter.ts'
import type { SignedOrders } from './signed-orders.ts'

/** Orders of one lease that are served, a minute. */
const SERVED_PER_MINUTE = 12
/** Questions to the chain about signers of one lease who are not known to be its tenant, a minute. */
const ASKED_PER_MINUTE = 30

export type OrderDeskOptions = {
  chain: Pick<LeaseChain, 'node' | 'snapshot'>
  deployment: { chainId: number; leaseEscrow: `0x${string}` }
  authority: Authority
  signed: Pick<SignedOrders, 'newest' | 'put'>
  onChain: Pick<ChainOrders, 'of'>
  /** Whether the node has begun with the lease: before, there is no machine that an order could be about. */
  hasBegun: (leaseId: Hex) => boolean
  /** Told once an order is on disk. */
  changed: (leaseId: Hex) => void
  log: Log
  nowMs: () => number
}

/** A refusal that the one who ordered can understand; `code` is stable. */
class OrderRefusal extends AgentError {}
const refuse = (code: string, message: string, hint: string) => new OrderRefusal(code, message, { hint })

export const makeOrderDesk = (options: OrderDeskOptions) => {
  const { chain, deployment, authority, signed, onChain, log, nowMs } = options
  const mayServe = makeLimiter(SERVED_PER_MINUTE, nowMs)
  const mayAsk = makeLimiter(ASKED_PER_MINUTE, nowMs)

  /**
   * Cheap proofs first: a stranger costs the node a question to the chain only inside a budget of its own. Whoever may
   * not order is told the same as of a lease that is not here.
   */
  const checkSigner = async (leaseId: Hex, body: OrderBody): Promise<LeaseView> => {
    const { signer, signature, ...order } = body
    const lease = viewHere(chain, leaseId)
    const digest = hashTypedData(orderTypedData(deployment, { ...order, leaseId }))
    const byKey = await authority.ownsKey(signer, digest, signature)
    const byTenant = byKey && lease !== undefined && isAddressEqual(signer, lease.tenant)
    if (!byTenant && !mayAsk(leaseId)) throw tooMany()
    if (lease === undefined || !options.hasBegun(leaseId)) throw notYours()
    if (byTenant && lease.status === 'Ended') throw over()
    if (byTenant && body.issuedAt <= signed.newest(leaseId)) throw replayed()
    if (!(await authority.mayOrder(leaseId, signer))) throw notYours()
    if (!byKey && !(await authority.isWalletOf(signer, digest, signature))) throw notYours()
    return lease
  }

  const checkFrom = (lease: LeaseView, from: Hex) => {
    const why = whyUnfit(lease, chain.snapshot().leases.get(from), chain.node)
    if (why !== null) throw refuse('restore-unfit', why, 'Name an ended lease of your own on this node.')
  }

  /** Of Start and Stop the newest by time stands: an older one would be acknowledged and do nothing. */
  const checkSuperseded = (leaseId: Hex, { action, issuedAt }: OrderBody) => {
    if (action !== 'Start' && action !== 'Stop') return
    const newer = onChain
      .of(leaseId)
      .filter((order) => order.action === 'Start' || order.action === 'Stop')
      .some(({ atMs }) => givenByMs({ atMs, onChain: true }) > issuedAt)
    if (newer) {
      throw refuse(
        'order-superseded',
        'A start or stop was given on chain in the same second or later.',
        'Sign a new order if this one is still meant.',
      )
    }
  }

  return {
    /**
     * @param leaseId lower case.
     * @throws OrderRefusal and DecloudError `order-…`, `lease-…`; ChainError when the chain cannot be asked.
     */
    accept: async (leaseId: Hex, body: OrderBody): Promise<void> => {
      if (body.node !== chain.node) {
        throw refuse(
          'order-other-node',
          `The order is for node ${body.node}; this is node ${chain.node}.`,
          'Send it to the node of the lease.',
        )
      }
      checkOrderTimes({ ...body, leaseId }, nowMs())
      const lease = await checkSigner(leaseId, body)
      if (lease.status === 'Ended') throw over()
      if (body.issuedAt <= signed.newest(leaseId)) throw replayed()
      checkSuperseded(leaseId, body)
      if (body.from !== null) checkFrom(lease, body.from)
      if (!mayServe(leaseId)) throw tooMany()
      const { action, from, issuedAt, signer } = body
      if (!signed.put({ leaseId, action, from, issuedAt, signer, receivedMs: nowMs() })) throw replayed()
      log.info({ leaseId, action, signer }, 'order taken')
      options.changed(leaseId)
    },
  }
}
export type OrderDesk = ReturnType<typeof makeOrderDesk>

/** The lease as the newest block has it; undefined unless it is this node's. */
export const viewHere = (chain: OrderDeskOptions['chain'], leaseId: Hex): LeaseView | undefined => {
  const lease = chain.snapshot().leases.get(leaseId)?.latest
  return lease?.node === chain.node ? lease : undefined
}

export const notYours = () =>
  refuse(
    'lease-unknown',
    'This node has no lease that this signature could say anything for.',
    'Sign exactly what is sent, for this chain, escrow, node and lease, as its tenant or where that is enough a Manager.',
  )
export const over = () =>
  refuse('lease-over', 'The lease has ended.', 'Only leases that live can be asked for anything.')
const replayed = () =>
  refuse('order-replayed', 'An order issued at the same time or later was served already.', 'Sign a new one.')
export const tooMany = () =>
  refuse('order-rate', 'There are too many orders for this lease.', 'Try again in a minute.')
