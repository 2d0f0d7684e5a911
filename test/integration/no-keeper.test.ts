// "Cannot be shut down", as a test: every keeper is dead, and both sides still get what is theirs.
import { leaseEscrowAbi } from '@decloud/protocol'
import { erc20Abi } from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { closeLease, makeTenant, openLease, type Tenant } from '../../scripts/lib/tenant.ts'
import { billOf, waitActive } from '../../scripts/lib/tenant-view.ts'
import { ROLES } from '../world/market.ts'
import { startWorld, type World } from '../world/world.ts'

const HOLD_BACK = 3_600
let world: World
let tenant: Tenant

beforeAll(async () => {
  world = await startWorld({ hypervisor: 'simulated', nodes: 2, offer: { minCharge: 0 } })
  await world.keeper.close()
  const { anvil, deployment } = world
  const account = anvil.account(ROLES.tenant)
  tenant = await makeTenant({ rpcUrls: [anvil.rpcUrl], deployment, account })
})
afterAll(async () => {
  await tenant?.close()
  await world?.close()
})

const lease = (nth: number) =>
  openLease(tenant, {
    node: world.nodes[nth]!.registered.node,
    resources: { vcpus: 1, tier: 3, bandwidth: 0, gpus: 0, memoryMiB: 512, diskGiB: 5 },
    hours: 10,
    holdBack: HOLD_BACK,
    manifest: {
      version: 1,
      image: 'debian-12',
      hostname: 'free',
      sshKeys: [],
      passwordHash: null,
      variables: {},
    },
  })

it('a tenant leases, is billed by the second, leaves; two operators settle and withdraw; the escrow is empty', async () => {
  const { anvil, deployment } = world
  const escrow = { address: deployment.leaseEscrow, abi: leaseEscrowAbi } as const
  const usdcOf = (account: `0x${string}`) =>
    anvil.client.readContract({
      address: deployment.usdc,
      abi: erc20Abi,
      functionName: 'balanceOf',
      args: [account],
    })
  const before = await usdcOf(tenant.account.address)

  const leases = [await lease(0), await lease(1)]
  await Promise.all(leases.map(({ leaseId }) => waitActive(tenant, leaseId, { endpoint: null })))
  await anvil.moveTime(1_234)
  for (const { leaseId } of leases) await closeLease(tenant, leaseId)
  const bills = await Promise.all(leases.map(({ leaseId }) => billOf(tenant, leaseId)))
  for (const bill of bills) {
    expect(bill.difference).toBe(0n)
    expect(bill.bill).toBe((bill.pricePerHour * BigInt(bill.endedAt - bill.startedAt)) / 3_600n)
    expect(bill.endedAt - bill.startedAt).toBeGreaterThanOrEqual(1_234)
  }
  const total = bills[0]!.bill + bills[1]!.bill
  expect(await usdcOf(tenant.account.address)).toBe(before - total)

  await anvil.moveTime(HOLD_BACK)
  // Anybody may: a stranger settles for both.
  const settled = await anvil
    .wallet(ROLES.stranger)
    .writeContract({ ...escrow, functionName: 'settle', args: [leases.map(({ leaseId }) => leaseId)] })
  await anvil.client.waitForTransactionReceipt({ hash: settled, timeout: 20_000 })
  for (const [nth, { registered }] of world.nodes.entries()) {
    const payee = anvil.account(registered.operator).address
    const args = [registered.node, payee, bills[nth]!.bill] as const
    const hash = await anvil
      .wallet(registered.operator)
      .writeContract({ ...escrow, functionName: 'withdrawEarned', args })
    await anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
    expect(await usdcOf(payee)).toBe(bills[nth]!.bill)
  }
  expect(await usdcOf(deployment.leaseEscrow)).toBe(0n)
})
