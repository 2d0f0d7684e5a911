import { leaseEscrowAbi, type Terms } from '@decloud/protocol'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { closeLease, openLease, quote } from '../../scripts/lib/tenant.ts'
import { billOf } from '../../scripts/lib/tenant-view.ts'
import { ROLES } from '../../test/world/market.ts'
import { type Bench, chainStatus, MANIFEST, makeBench, SMALL_VM, until } from './helpers/node.ts'

let bench: Bench
beforeAll(async () => {
  bench = await makeBench({ faults: { bootMs: 100 } })
})
afterAll(() => bench?.close())

const asEscrow = async (index: number, functionName: 'assign' | 'credit', args: readonly unknown[]) => {
  const hash = await bench.anvil.wallet(index).writeContract({
    address: bench.deployment.leaseEscrow,
    abi: leaseEscrowAbi as readonly unknown[],
    functionName,
    args,
  })
  const receipt = await bench.anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
  expect(receipt.status).toBe('success')
}
const assign = (terms: Terms) => asEscrow(ROLES.keeper, 'assign', [terms, bench.registered.node])
const request = { node: 1, untargeted: true, resources: SMALL_VM, manifest: MANIFEST }

describe('a lease that is assigned after it was opened', () => {
  it('is taken up when the scheduler places it here', async () => {
    const agent = await bench.start()
    const { leaseId, terms } = await openLease(bench.tenant, request)
    expect(await chainStatus(bench, leaseId)).toBe('Requested')
    await assign(terms)
    await until(agent, leaseId, (vm) => vm.status === 'Running')
    await closeLease(bench.tenant, leaseId)
    await until(agent, leaseId, (vm) => vm.status === 'Deleted')
    expect((await billOf(bench.tenant, leaseId)).difference).toBe(0n)
    await agent.close()
  })

  it('is taken up by an agent that was down meanwhile', async () => {
    const { leaseId, terms } = await openLease(bench.tenant, request)
    await assign(terms)
    const agent = await bench.start()
    await until(agent, leaseId, (vm) => vm.status === 'Running')
    await closeLease(bench.tenant, leaseId)
    await until(agent, leaseId, (vm) => vm.status === 'Deleted')
    await agent.close()
  })

  it('waits for its manifest, and is not refused', async () => {
    const agent = await bench.start()
    const seal = async (): Promise<Hex> => '0x'
    const { leaseId, terms } = await openLease(bench.tenant, request, { seal })
    await assign(terms)
    const waiting = await until(agent, leaseId, (vm) => vm.reason?.code === 'awaiting-manifest')
    expect(waiting.refused).toBe(false)
    await closeLease(bench.tenant, leaseId)
    await until(agent, leaseId, (vm) => vm.status === 'Deleted')
    await agent.close()
  })
})

it('runs a guest again when a credit gives a depleted lease time back', async () => {
  const agent = await bench.start()
  const price = await quote(bench.tenant, bench.registered.node, SMALL_VM)
  const leaseId = await bench.open({ deposit: price / 10n })
  await until(agent, leaseId, (vm) => vm.status === 'Running')
  await bench.anvil.moveTime(600)
  await until(agent, leaseId, (vm) => vm.status === 'Stopped')
  await asEscrow(bench.registered.operator, 'credit', [leaseId, 100])
  await until(agent, leaseId, (vm) => vm.status === 'Running')
  await closeLease(bench.tenant, leaseId)
  await until(agent, leaseId, (vm) => vm.status === 'Deleted')
  const before = await billOf(bench.tenant, leaseId)
  expect(before.difference).toBe(0n)
  // A credit after the end lowers the bill and raises what comes back.
  await asEscrow(bench.registered.operator, 'credit', [leaseId, 120])
  const after = await billOf(bench.tenant, leaseId)
  expect(after.difference).toBe(0n)
  expect(after.bill).toBeLessThan(before.bill)
  expect(after.bill + after.refund).toBe(after.deposited)
  await agent.close()
})
