// What a tenant tells its node to do with the machine: signed and sent to the node, or on chain.
import { setTimeout as delay } from 'node:timers/promises'
import {
  closeMandate,
  DecloudError,
  leaseAccessAbi,
  ORDER_LIFE,
  type OrderAction,
  orderCodeOf,
  orderTypedData,
} from '@decloud/protocol'
import { type LeaseStatusReport, leaseStatusSchema } from '@decloud/protocol/wire/node'
import { type CloseBody, closeAcceptedSchema, type OrderBody } from '@decloud/protocol/wire/order'
import { bytesToBigInt, encodeFunctionData, type Hex } from 'viem'
import { askNode, type Signer } from './node-session.ts'
import { readLease, type Tenant } from './tenant.ts'
import { endpointOf, reportOf } from './tenant-view.ts'
import { until } from './until.ts'

/** @param wanted.from of a Restore: the ended lease whose disk this one takes over. */
export const signOrder = async (
  { chain, account }: Signer,
  wanted: { leaseId: Hex; node: number; action: OrderAction; from?: Hex | null },
  nowMs = Date.now(),
): Promise<OrderBody> => {
  const { leaseId, node, action, from = null } = wanted
  const order = { node, action, from, issuedAt: nowMs, notAfter: Math.floor(nowMs / 1_000) + ORDER_LIFE }
  const signature = await account.signTypedData(orderTypedData(chain.deployment, { ...order, leaseId }))
  return { ...order, signer: account.address, signature }
}

/** @param deadline unix seconds. */
export const signClose = async (
  { chain, account }: Signer,
  leaseId: Hex,
  deadline: bigint,
  to = account.address,
): Promise<CloseBody> => {
  const nonce = bytesToBigInt(crypto.getRandomValues(new Uint8Array(16)))
  const mandate = closeMandate(chain.deployment, { leaseId, to, nonce, deadline })
  return { to, nonce, deadline, signature: await account.signTypedData(mandate) }
}

/** @throws DecloudError with the node's code and sentence, or `node-unreachable`. */
export const sendOrder = async (endpoint: string, leaseId: Hex, body: OrderBody) =>
  leaseStatusSchema.parse(await askNode(endpoint, `/v1/leases/${leaseId}/orders`, { body }))

/** The node pays for the transaction. @throws as `sendOrder`. */
export const sendClose = async (endpoint: string, leaseId: Hex, body: CloseBody) => {
  const plain = { ...body, nonce: String(body.nonce), deadline: String(body.deadline) }
  return closeAcceptedSchema.parse(await askNode(endpoint, `/v1/leases/${leaseId}/close`, { body: plain }))
}

/** Seconds in which the node may carry a signed close out, and milliseconds that are waited for it. */
const CLOSE_LIFE = 3_600n
const CLOSED_MS = 5 * 60_000

/**
 * Ends the lease through its node, without gas of the tenant.
 * @throws DecloudError `node-silent`, `deadline` when the chain does not show the end; and as `sendClose`.
 */
export const closeByNode = async (tenant: Tenant, leaseId: Hex): Promise<void> => {
  const endpoint = await endpointOrThrow(tenant, (await readLease(tenant, leaseId)).node)
  const { timestamp } = await tenant.chain.request('read the clock of the chain', (client) =>
    client.getBlock(),
  )
  await sendClose(endpoint, leaseId, await signClose(tenant, leaseId, timestamp + CLOSE_LIFE))
  const hasEnded = async () => (await readLease(tenant, leaseId)).status === 'Ended'
  await until(hasEnded, CLOSED_MS, 'the node has not ended the lease')
}

const endpointOrThrow = async (tenant: Tenant, node: number): Promise<string> => {
  const endpoint = await endpointOf(tenant, node)
  if (endpoint !== null) return endpoint
  throw new DecloudError('node-silent', `Node ${node} has announced no endpoint.`, {
    hint: 'It cannot be asked anything over the network; ask its operator.',
  })
}

/**
 * @returns the transaction, and when it was given as the node sees it: Unix ms of its block.
 * @throws DecloudError `access-missing`; ChainError and RevertError of the journal.
 */
export const orderOnChain = async (
  tenant: Tenant,
  leaseId: Hex,
  action: OrderAction,
): Promise<{ transaction: Hex; issuedAt: number }> => {
  const { leaseAccess } = tenant.chain.deployment
  if (leaseAccess === undefined) {
    throw new DecloudError('access-missing', 'The deployment file names no LeaseAccess contract.', {
      hint: 'Give a deployment file that has "leaseAccess", or leave --on-chain out.',
    })
  }
  const { hash, blockNumber } = await tenant.journal.send({
    ...{ kind: 'order', dedupe: `order:${leaseId}:${action}`, to: leaseAccess },
    data: encodeFunctionData({
      ...{ abi: leaseAccessAbi, functionName: 'order', args: [leaseId, orderCodeOf(action)] },
    }),
  })
  const block = await tenant.chain.request('read the block of the order', (client) =>
    client.getBlock({ blockNumber }),
  )
  return { transaction: hash, issuedAt: Number(block.timestamp) * 1_000 }
}

/** Taking a disk out of use waits for the finality of an order on chain; then a machine boots. */
const DONE_MS = 15 * 60_000

export type Ordering = {
  leaseId: Hex
  action: OrderAction
  onChain: boolean
  /** Of a signed Restore: the ended lease whose disk this one takes over. */
  from?: Hex | null
  onReport?: (report: LeaseStatusReport) => void
  pollMs?: number
  deadlineMs?: number
}

/**
 * Gives the order and waits until the node reports what it leads to.
 * @throws DecloudError `node-silent` when the node announces no endpoint, `order-unserved` after the deadline; and as
 *   `sendOrder` and `orderOnChain`.
 */
export const giveOrder = async (
  tenant: Tenant,
  { leaseId, action, onChain, from = null, onReport, pollMs = 500, deadlineMs = DONE_MS }: Ordering,
): Promise<{ transaction: Hex | null; report: LeaseStatusReport }> => {
  const { node } = await readLease(tenant, leaseId)
  const endpoint = await endpointOrThrow(tenant, node)
  const { transaction, issuedAt } = onChain
    ? await orderOnChain(tenant, leaseId, action)
    : await giveSigned(tenant, endpoint, { leaseId, node, action, from })
  let shown = ''
  for (const end = Date.now() + deadlineMs; Date.now() < end; await delay(pollMs)) {
    const report = await reportOf(tenant, endpoint, leaseId)
    if (report === null) continue
    if (JSON.stringify(report.vm) !== shown) onReport?.(report)
    shown = JSON.stringify(report.vm)
    if (isDone(action, issuedAt, report)) return { transaction, report }
  }
  throw new DecloudError('order-unserved', 'The node has the order and has not got there yet.', {
    hint: 'Look at the status of the lease: its reason says why.',
  })
}

const giveSigned = async (tenant: Tenant, endpoint: string, wanted: Parameters<typeof signOrder>[1]) => {
  const body = await signOrder(tenant, wanted)
  await sendOrder(endpoint, wanted.leaseId, body)
  return { transaction: null, issuedAt: body.issuedAt }
}

/** Reasons of a node that has taken an order up and cannot do what it asks. */
const UNDOABLE: ReadonlySet<string> = new Set(['disks-kept', 'nothing-to-restore', 'restore-unfit'])

/** @throws DecloudError with the node's reason when it will not come to that. */
const isDone = (action: OrderAction, issuedAt: number, { vm, served }: LeaseStatusReport): boolean => {
  if (action === 'Stop') return vm.status === 'Stopped'
  const running = vm.status === 'Running' && vm.phase === 'Running'
  if (action === 'Start') return running
  const takenUp = { Reboot: served.reboot, Reinstall: served.reinstall, Restore: served.restore }[action]
  if (takenUp < issuedAt || !running) return false
  if (vm.reason !== null && UNDOABLE.has(vm.reason.code)) {
    throw new DecloudError(vm.reason.code, vm.reason.message)
  }
  return true
}
