// "Cannot be shut down", as a test: every keeper is dead, and both sides still get what is theirs.
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openDatabase } from '@decloud/chain'
import {
  costUp,
  leaseAccessAbi,
  leaseEscrowAbi,
  leaseIdOf,
  leaseMandatesAbi,
  type Manifest,
  manifestCommitment,
  manifestPayload,
  sealManifest,
} from '@decloud/protocol'
import { type Abi, type Address, BaseError, bytesToHex, erc20Abi, type Hex } from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeFakeHypervisor } from '../../agent/src/hypervisor/fake/driver.ts'
import { SimulatedMachine } from '../../agent/src/hypervisor/fake/machine.ts'
import {
  closeLease,
  draftOf,
  makeTenant,
  openLease,
  quote,
  sealingKeyOf,
  sendOpen,
  type Tenant,
} from '../../scripts/lib/tenant.ts'
import { billOf, waitActive } from '../../scripts/lib/tenant-view.ts'
import { ROLES } from '../world/market.ts'
import { startWorld, type World } from '../world/world.ts'

const HOLD_BACK = 3_600
const INSTANCE = 'guests'
const machines = Array.from({ length: 3 }, () => new SimulatedMachine({ faults: { bootMs: 200 } }))
/** Added to the agents' own clocks. */
let aheadMs = 0
let world: World
let tenant: Tenant

beforeAll(async () => {
  world = await startWorld({
    ...{ hypervisor: 'simulated', nodes: 3, offer: { minCharge: 0 } },
    overrides: (nth) => ({
      hypervisor: makeFakeHypervisor(machines[nth]!, INSTANCE),
      ...{ nowMs: () => Date.now() + aheadMs, dutiesMs: 200 },
    }),
  })
  await world.keeper.close()
  const { anvil, deployment } = world
  const account = anvil.account(ROLES.tenant)
  tenant = await makeTenant({ rpcUrls: [anvil.rpcUrl], deployment, account })
})
afterAll(async () => {
  await tenant?.close()
  await world?.close()
})

const RESOURCES = { vcpus: 1, tier: 3, bandwidth: 0, gpus: 0, memoryMiB: 512, diskGiB: 5 }
const MANIFEST: Manifest = {
  version: 1,
  image: 'debian-12',
  hostname: 'free',
  sshKeys: [],
  passwordHash: null,
  variables: {},
}

const lease = (nth: number, hours = 10) =>
  openLease(tenant, {
    node: world.nodes[nth]!.registered.node,
    ...{ resources: RESOURCES, hours, holdBack: HOLD_BACK, manifest: MANIFEST },
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
  for (const [nth, { registered }] of world.nodes.slice(0, 2).entries()) {
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

  for (let hour = 0; hour < DAY_HOURS; hour++) {
    await anvil.moveTime(HOUR)
    // Anybody may, and the node does it for its own: whoever comes second changes nothing.
    await send(ROLES.stranger, mandates, leaseMandatesAbi, 'renew', [renewed.leaseId])
    for (const [nth, { registered }] of world.nodes.slice(0, 2).entries()) {
      expect(await send(registered.operator, escrow, leaseEscrowAbi, 'settle', [[ids[nth]]])).toBe(true)
    }
  }
  const renewals = (await eventsOf('LeaseToppedUp', renewed.leaseId)).length
  expect(renewals).toBe(4)
  for (const { leaseId } of [steady, renewed]) await closeLease(tenant, leaseId)
  const bills = await Promise.all(ids.map((leaseId) => billOf(tenant, leaseId)))
  for (const bill of bills) {
    expect(bill.difference).toBe(0n)
    expect(bill.bill).toBe((bill.pricePerHour * BigInt(bill.endedAt - bill.startedAt)) / 3_600n)
    expect(bill.endedAt - bill.startedAt).toBeGreaterThanOrEqual(DAY_HOURS * HOUR)
  }

  await anvil.moveTime(HOLD_BACK)
  for (const [nth, { registered }] of world.nodes.slice(0, 2).entries()) {
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

const eventually = async <answer>(ask: () => answer | Promise<answer>, fits: (answer: answer) => boolean) => {
  const end = performance.now() + 60_000
  for (;;) {
    const answer = await ask()
    if (fits(answer)) return answer
    if (performance.now() > end) throw new Error('not within a minute')
    await delay(50)
  }
}

type Named =
  | 'LeaseToppedUp'
  | 'LeaseAssigned'
  | 'LeaseActivated'
  | 'LeaseCredited'
  | 'LeaseSettled'
  | 'LeaseEnded'

/** With who sent each. */
const eventsOf = async (eventName: Named, leaseId: Hex) => {
  const { client } = world.anvil
  const events = await client.getContractEvents({
    ...{ address: world.deployment.leaseEscrow, abi: leaseEscrowAbi, eventName, fromBlock: 0n, strict: true },
    args: { leaseId } as never, // the first topic of each of them
  })
  return Promise.all(
    events.map(async ({ args, transactionHash: hash }) => ({
      args: args as Record<string, unknown>,
      from: (await client.getTransaction({ hash })).from,
    })),
  )
}

/** A request that no node is named in; its manifest is sealed once it is known who may read it. */
const request = async () => {
  const { chainId, leaseEscrow: escrow } = world.deployment
  const payload = manifestPayload(MANIFEST, `0x${'5a'.repeat(32)}`)
  const price = await quote(tenant, world.nodes[0]!.registered.node, RESOURCES)
  const terms = {
    ...draftOf(RESOURCES),
    ...{ tenant: tenant.account.address, maxPricePerHour: price, deposit: price * 24n, holdBack: HOLD_BACK },
    ...{
      manifestHash: manifestCommitment(payload),
      salt: bytesToHex(crypto.getRandomValues(new Uint8Array(32))),
    },
  }
  const leaseId = leaseIdOf(chainId, escrow, terms)
  await sendOpen(tenant, leaseId, terms, '0x')
  const sealTo = async (node: number) =>
    sealManifest(payload, { chainId, escrow, leaseId, node }, [await sealingKeyOf(tenant.chain, node)])
  return { leaseId, sealTo, manifestHash: terms.manifestHash }
}

it('three nodes want one request: one of them gets it, runs it, is paid for it and pays for its downtime', async () => {
  const { anvil, deployment, directory } = world
  const { leaseId, sealTo, manifestHash } = await request()
  // All of them are past their own waits at once: a race.
  await anvil.moveTime(100)
  const [assigned] = await eventually(
    () => eventsOf('LeaseAssigned', leaseId),
    (events) => events.length > 0,
  )
  const nth = world.nodes.findIndex(({ registered }) => registered.node === assigned!.args['node'])
  const { registered, agent } = world.nodes[nth]!
  const self = anvil.account(registered.agent).address.toLowerCase()
  expect(assigned!.from).toBe(self)

  const sealed = await sealTo(registered.node)
  const posted = [leaseId, 1, manifestHash, sealed]
  expect(await send(ROLES.tenant, deployment.leaseAccess!, leaseAccessAbi, 'postManifest', posted)).toBe(true)
  await waitActive(tenant, leaseId, { endpoint: null })
  expect(await eventsOf('LeaseActivated', leaseId)).toMatchObject([{ from: self }])

  const entrusted = [registered.node, anvil.account(registered.agent).address]
  const { leaseEscrow: escrow } = deployment
  expect(await send(registered.operator, escrow, leaseEscrowAbi, 'setOperator', entrusted)).toBe(true)
  await anvil.moveTime(1_000)
  // Its agent has seen the activation: from here on, time that it is off counts.
  await eventually(
    () => agent().vm(leaseId)?.status,
    (status) => status === 'Running',
  )
  machines[nth]!.crash(INSTANCE, leaseId)
  const db = openDatabase(join(directory, `node-${nth}`, 'agent.db'))
  const outages = () =>
    db.prepare('SELECT fromMs, toMs FROM outages WHERE leaseId = ?').all(leaseId) as {
      fromMs: number
      toMs: number | null
    }[]
  const [outage] = await eventually(
    outages,
    (list) => list.length > 0 && list.every(({ toMs }) => toMs !== null),
  )
  db.close()
  aheadMs += (HOLD_BACK / 2) * 1_000 + 1_000
  const credits = await eventually(
    () => eventsOf('LeaseCredited', leaseId),
    (events) => events.length > 0,
  )
  expect(credits).toMatchObject([
    { from: self, args: { duration: Math.ceil((outage!.toMs! - outage!.fromMs) / 1_000) } },
  ])

  await anvil.moveTime(12 * 3_600)
  aheadMs += 3_600_000
  const settled = await eventually(
    async () => (await eventsOf('LeaseSettled', leaseId)).filter(({ from }) => from === self),
    (events) => events.length > 0,
  )
  expect(settled.at(-1)!.args['settled']).toBeTypeOf('bigint')
  await closeLease(tenant, leaseId)
  await eventually(
    () => agent().vm(leaseId)?.status,
    (status) => status === 'Deleted',
  )
  expect((await billOf(tenant, leaseId)).difference).toBe(0n)
  // Once each, whatever the others tried; and to have been too late is no error.
  for (const once of ['LeaseAssigned', 'LeaseActivated', 'LeaseCredited', 'LeaseEnded'] as const) {
    expect(await eventsOf(once, leaseId), once).toHaveLength(1)
  }
  for (const node of world.nodes) {
    expect((await node.agent().health()).duties).toMatchObject({
      claim: { error: null },
      credit: { error: null },
    })
  }
}, 180_000)
