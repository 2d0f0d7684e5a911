// "Cannot be shut down", as a test: every keeper is dead, and both sides still get what is theirs.
import { costUp, leaseEscrowAbi, leaseMandatesAbi } from '@decloud/protocol'
import { type Abi, type Address, BaseError, erc20Abi } from 'viem'
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

const lease = (nth: number, hours = 10) =>
  openLease(tenant, {
    node: world.nodes[nth]!.registered.node,
    resources: { vcpus: 1, tier: 3, bandwidth: 0, gpus: 0, memoryMiB: 512, diskGiB: 5 },
    hours,
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

const usdcOf = (account: Address) =>
  world.anvil.client.readContract({
    ...{ address: world.deployment.usdc, abi: erc20Abi, functionName: 'balanceOf', args: [account] },
  })

/** Sends as one of the chain's accounts. @returns `false` when the contract refuses. */
const send = async (index: number, address: Address, abi: Abi, functionName: string, args: unknown[]) => {
  const { client } = world.anvil
  const call = { address, abi, functionName, args }
  try {
    await client.simulateContract({ ...call, account: world.anvil.account(index) })
  } catch (error) {
    if (error instanceof BaseError && /revert/i.test(error.message)) return false
    throw error
  }
  const hash = await world.anvil.wallet(index).writeContract({ ...call, gas: 500_000n })
  const { status } = await client.waitForTransactionReceipt({ hash, timeout: 20_000 })
  return status === 'success'
}

it('a tenant leases, is billed by the second, leaves; two operators settle and withdraw; the escrow is empty', async () => {
  const { anvil, deployment } = world
  const escrow = { address: deployment.leaseEscrow, abi: leaseEscrowAbi } as const
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

const HOUR = 3_600
const DAY_HOURS = 24

it('a whole day without a keeper: operators settle, anyone renews, both sides leave with their money', async () => {
  const { anvil, deployment } = world
  const { leaseEscrow: escrow, leaseMandates: mandates, usdc } = deployment
  const before = await usdcOf(tenant.account.address)
  const steady = await lease(0, DAY_HOURS + 6)
  const renewed = await lease(1, 6)
  const ids = [steady.leaseId, renewed.leaseId]
  await Promise.all(ids.map((leaseId) => waitActive(tenant, leaseId, { endpoint: null })))
  // Four times the six hours: as much as anyone may take for this lease, out of what is there for it.
  const amount = costUp(renewed.pricePerHour, 6 * HOUR)
  const budget = amount * 4n
  for (const [to, abi, functionName, args] of [
    [usdc, erc20Abi, 'approve', [escrow, budget]],
    [escrow, leaseEscrowAbi, 'deposit', [budget]],
    [mandates, leaseMandatesAbi, 'setAutoRenew', [renewed.leaseId, { amount, budget, runway: 2 * HOUR }]],
  ] as const) {
    expect(await send(ROLES.tenant, to, abi, functionName, [...args])).toBe(true)
  }

  let renewals = 0
  for (let hour = 0; hour < DAY_HOURS; hour++) {
    await anvil.moveTime(HOUR)
    // Nobody has a duty to, and anybody may.
    if (await send(ROLES.stranger, mandates, leaseMandatesAbi, 'renew', [renewed.leaseId])) renewals += 1
    for (const [nth, { registered }] of world.nodes.entries()) {
      expect(await send(registered.operator, escrow, leaseEscrowAbi, 'settle', [[ids[nth]]])).toBe(true)
    }
  }
  expect(renewals).toBe(4)
  for (const { leaseId } of [steady, renewed]) await closeLease(tenant, leaseId)
  const bills = await Promise.all(ids.map((leaseId) => billOf(tenant, leaseId)))
  for (const bill of bills) {
    expect(bill.difference).toBe(0n)
    expect(bill.bill).toBe((bill.pricePerHour * BigInt(bill.endedAt - bill.startedAt)) / 3_600n)
    expect(bill.endedAt - bill.startedAt).toBeGreaterThanOrEqual(DAY_HOURS * HOUR)
  }

  await anvil.moveTime(HOLD_BACK)
  for (const [nth, { registered }] of world.nodes.entries()) {
    const payee = anvil.account(registered.operator).address
    const had = await usdcOf(payee)
    const { bill } = bills[nth]!
    expect(await send(registered.operator, escrow, leaseEscrowAbi, 'settle', [[ids[nth]]])).toBe(true)
    const args = [registered.node, payee, bill]
    expect(await send(registered.operator, escrow, leaseEscrowAbi, 'withdrawEarned', args)).toBe(true)
    expect(await usdcOf(payee)).toBe(had + bill)
  }
  // Closed to the wallet; what no renewal took is the tenant's own as before.
  const left = budget - amount * BigInt(renewals)
  if (left > 0n) {
    await send(ROLES.tenant, escrow, leaseEscrowAbi, 'withdraw', [tenant.account.address, left])
  }
  expect(await usdcOf(tenant.account.address)).toBe(before - bills[0]!.bill - bills[1]!.bill)
  expect(await usdcOf(escrow)).toBe(0n)
}, 120_000)
