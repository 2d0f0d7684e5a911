// From an order to the machine, through the tenant's own tools: what a tenant asks for is what becomes of the guest.
import { nodeRegistryAbi, type OrderAction } from '@decloud/protocol'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { closeByNode, giveOrder } from '../../../scripts/lib/orders.ts'
import { ROLES } from '../../../test/world/market.ts'
import { type Bench, chainStatus, makeBench, until } from '../helpers/node.ts'
import { type OrderNode, postTo, signedBy, startOrderNode } from '../helpers/orders.ts'

let bench: Bench
let node: OrderNode
let leaseId: Hex
beforeAll(async () => {
  bench = await makeBench({ faults: { bootMs: 50 } })
  node = await startOrderNode(bench)
  await announce()
  leaseId = await bench.open()
  await until(node, leaseId, (vm) => vm.status === 'Running')
})
afterAll(async () => {
  await node?.close()
  await bench?.close()
})

/** Tenants find the node where the chain says. */
const announce = async () => {
  const hash = await bench.anvil.wallet(ROLES.firstOperator).writeContract({
    ...{ address: bench.deployment.nodeRegistry, abi: nodeRegistryAbi },
    ...{ functionName: 'setEndpoint', args: [bench.registered.node, node.url] },
  })
  const receipt = await bench.anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
  expect(receipt.status).toBe('success')
}
const restart = async () => {
  await node.close()
  node = await startOrderNode(bench)
  await announce()
}
const give = (action: OrderAction, onChain = false) =>
  giveOrder(bench.tenant, { leaseId, action, onChain, pollMs: 50, deadlineMs: 30_000 })
const guest = () => bench.machine.find(bench.instance, leaseId)
const bootId = () => node.vm(leaseId)?.facts?.bootId
const disks = async () => {
  const all = await node.context.deps.disks.list()
  const aside = all.filter((disk) => disk.leaseId === leaseId && disk.quarantinedAt !== null)
  return {
    aside: aside.length,
    used: all.some((disk) => disk.leaseId === leaseId && disk.quarantinedAt === null),
  }
}

describe.each([
  ['signed', false],
  ['on chain', true],
])('an order that is %s', (_, onChain) => {
  it('stops the guest and keeps it off over a restart of the agent, and starts it again', async () => {
    const { report, transaction } = await give('Stop', onChain)
    expect(transaction === null).toBe(!onChain)
    expect(report.vm).toMatchObject({ status: 'Stopped', reason: { code: 'stopped-by-tenant' } })
    expect(guest()?.state).toBe('stopped')
    await restart()
    // It comes by several times, and leaves the guest off.
    const sweeps = new Promise<void>((resolve) => {
      let left = 3
      const end = node.context.follower.onChange(() => {
        left -= 1
        if (left > 0) return
        end()
        resolve()
      })
    })
    await sweeps
    expect(guest()?.state).toBe('stopped')
    expect(await chainStatus(bench, leaseId)).toBe('Active')
    expect((await give('Start', onChain)).report.vm.status).toBe('Running')
    expect(guest()?.state).toBe('running')
  })

  it('reboots the guest once', async () => {
    const before = bootId()
    await give('Reboot', onChain)
    const after = bootId()
    expect(after).not.toBe(before)
    await restart()
    await until(node, leaseId, (vm) => vm.status === 'Running' && vm.facts !== null)
    expect(bootId()).toBe(after)
  })

  it('installs it anew with the old disk kept, and brings that back', async () => {
    const before = await disks()
    await give('Reinstall', onChain)
    expect(await disks()).toEqual({ aside: before.aside + 1, used: true })
    await give('Restore', onChain)
    expect((await disks()).used).toBe(true)
  })
})

describe('between an order and its effect', () => {
  it('the agent may go down: it is served by the next one, once', async () => {
    const before = bootId()
    const body = await signedBy(bench, bench.anvil.account(ROLES.tenant), { leaseId, action: 'Reboot' })
    // The answer comes as soon as the order is on disk; the agent is closed before the guest has gone down.
    expect(await postTo(node.url, `/v1/leases/${leaseId}/orders`, body)).toMatchObject({ status: 202 })
    await restart()
    const rebooted = await until(node, leaseId, (vm) => vm.facts !== null && vm.facts.bootId !== before)
    expect(rebooted.served.rebootMs).toBe(body.issuedAt)
    const after = bootId()
    await restart()
    await until(node, leaseId, (vm) => vm.status === 'Running' && vm.facts !== null)
    expect(bootId()).toBe(after)
  })
})

describe('the end', () => {
  it('is signed too, and orders are forgotten with the disk', async () => {
    await closeByNode(bench.tenant, leaseId)
    await until(node, leaseId, (vm) => vm.status === 'Deleted')
    expect(node.wish(leaseId).rebootAtMs).toBeGreaterThan(0)
    await node.close()
    const inFourDays = () => Date.now() + 4 * 24 * 3_600_000
    node = await startOrderNode(bench, { nowMs: inFourDays })
    expect(node.context.orders.wishes.of(leaseId).rebootAtMs).toBeLessThan(Date.now())
  })
})
