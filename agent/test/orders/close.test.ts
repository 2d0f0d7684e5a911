// A tenant without gas and without any keeper ends a lease at its node.

import { openDatabase } from '@decloud/chain'
import { type Hex, parseEther } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sendClose, signClose } from '../../../scripts/lib/orders.ts'
import { closeLease } from '../../../scripts/lib/tenant.ts'
import { billOf } from '../../../scripts/lib/tenant-view.ts'
import { ROLES } from '../../../test/world/market.ts'
import { makeCloseMandates } from '../../src/orders/close-mandates.ts'
import { type Bench, chainStatus, makeBench, until } from '../helpers/node.ts'
import { type OrderNode, postTo, startOrderNode } from '../helpers/orders.ts'

let bench: Bench
let node: OrderNode
beforeAll(async () => {
  bench = await makeBench({ faults: { bootMs: 50 } })
  node = await startOrderNode(bench)
})
afterAll(async () => {
  await node?.close()
  await bench?.close()
})

const FAR = 2n ** 40n
const running = async () => {
  const leaseId = await bench.open()
  await until(node, leaseId, (vm) => vm.status === 'Running')
  return leaseId
}
const wire = ({ nonce, deadline, ...rest }: Awaited<ReturnType<typeof signClose>>) => ({
  ...rest,
  nonce: String(nonce),
  deadline: String(deadline),
})
const close = (leaseId: Hex, body: unknown) => postTo(node.url, `/v1/leases/${leaseId}/close`, body)
const pending = () => {
  const db = openDatabase(`${bench.config.dataDir}/agent.db`)
  try {
    return makeCloseMandates(db).all()
  } finally {
    db.close()
  }
}
const fund = (address: Hex, coins: string) =>
  bench.anvil.client.setBalance({ address, value: parseEther(coins) })

describe('a signed close', () => {
  it('ends the lease of a tenant who has no gas at all, with the refund, and the guest goes', async () => {
    const leaseId = await running()
    await fund(bench.tenant.account.address, '0')
    const body = await signClose(bench.tenant, leaseId, FAR)
    expect(await sendClose(node.url, leaseId, body)).toEqual({ leaseId, accepted: true })
    await until(node, leaseId, (vm) => vm.status === 'Deleted')
    expect(await chainStatus(bench, leaseId)).toBe('Ended')
    const bill = await billOf(bench.tenant, leaseId)
    expect(bill.difference).toBe(0n)
    expect(bill.bill + bill.refund).toBe(bill.deposited)
    // Handed in again it finds nothing to do.
    expect(await close(leaseId, wire(body))).toMatchObject({ status: 409, code: 'lease-over' })
    await fund(bench.tenant.account.address, '100')
  })

  it('is refused in the words of the contract, and nothing is kept or sent', async () => {
    const leaseId = await running()
    const stranger = { chain: bench.tenant.chain, account: bench.anvil.account(ROLES.stranger) }
    const good = wire(await signClose(bench.tenant, leaseId, FAR))
    const elsewhere: Hex = `0x${'ab'.repeat(32)}`
    const unsigned: [string, unknown][] = [
      ['by a stranger', wire(await signClose(stranger, leaseId, FAR))],
      ['to somebody else', { ...good, to: bench.anvil.account(ROLES.stranger).address }],
      ['with another nonce', { ...good, nonce: '1' }],
      ['for another lease', wire(await signClose(bench.tenant, elsewhere, FAR))],
    ]
    const nowhere = await close(elsewhere, good)
    expect(nowhere).toMatchObject({ status: 404, code: 'lease-unknown' })
    for (const [what, body] of unsigned) {
      expect(await close(leaseId, body), `${what}: as where there is no such lease`).toEqual(nowhere)
    }
    const late = await close(leaseId, wire(await signClose(bench.tenant, leaseId, 1n)))
    expect(late).toMatchObject({ status: 422, code: 'contract-refused' })
    expect(late.body['detail']).toMatch(/^[A-Z0-9].*\.$/)
    expect(await close(leaseId, { ...good, extra: 1 })).toMatchObject({
      ...{ status: 400, code: 'request-invalid' },
    })
    expect(pending()).toEqual([])
    expect(await chainStatus(bench, leaseId)).toBe('Active')
    await closeLease(bench.tenant, leaseId)
  })

  it('is looked at so often a minute: strangers are turned away first, and never the tenant because of them', async () => {
    const leaseId = await running()
    const stranger = { chain: bench.tenant.chain, account: bench.anvil.account(ROLES.stranger) }
    const strange = wire(await signClose(stranger, leaseId, FAR))
    const codes = new Set<string | null>()
    for (let i = 0; i < 14; i++) codes.add((await close(leaseId, strange)).code)
    expect([...codes]).toEqual(['lease-unknown', 'order-rate'])
    // Each costs the node a simulation.
    const late = wire(await signClose(bench.tenant, leaseId, 1n))
    for (let i = 0; i < 6; i++) expect((await close(leaseId, late)).code).toBe('contract-refused')
    const good = wire(await signClose(bench.tenant, leaseId, FAR))
    expect(await close(leaseId, good)).toMatchObject({ status: 429, code: 'order-rate' })
    expect(pending()).toEqual([])
    expect(await chainStatus(bench, leaseId)).toBe('Active')
    await closeLease(bench.tenant, leaseId)
  })

  it('that the agent cannot send yet is sent after a restart, and forgotten once it is final', async () => {
    const leaseId = await running()
    const agent = bench.secrets.account.address
    await fund(agent, '0')
    expect(await close(leaseId, wire(await signClose(bench.tenant, leaseId, FAR)))).toMatchObject({
      status: 202,
    })
    await node.close()
    expect(pending()).toMatchObject([{ leaseId }])
    expect(await chainStatus(bench, leaseId)).toBe('Active')
    await fund(agent, '1')
    node = await startOrderNode(bench)
    await until(node, leaseId, (vm) => vm.status === 'Deleted')
    expect(await chainStatus(bench, leaseId)).toBe('Ended')
    await expect.poll(pending, { timeout: 20_000 }).toEqual([])
  })
})
