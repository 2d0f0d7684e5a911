// Orders given by a transaction: they count at the newest block, but for those that take a disk out of use.
import { leaseAccessAbi, type OrderAction, orderCodeOf } from '@decloud/protocol'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { orderOnChain } from '../../../scripts/lib/orders.ts'
import { ROLES } from '../../../test/world/market.ts'
import { NO_WISH } from '../../src/domain/wish.ts'
import { type Bench, makeBench, until } from '../helpers/node.ts'
import { type OrderNode, postTo, signedBy, startOrderNode } from '../helpers/orders.ts'

let bench: Bench
let node: OrderNode
let leaseId: Hex
beforeAll(async () => {
  bench = await makeBench({ faults: { bootMs: 50 } })
  node = await startOrderNode(bench)
  leaseId = await bench.open()
  await until(node, leaseId, (vm) => vm.status === 'Running')
})
afterAll(async () => {
  await node?.close()
  await bench?.close()
})

/** Sent past the tenant's journal, which would send it anew after a reorg. */
const order = async (action: OrderAction) => {
  const hash = await bench.anvil.wallet(ROLES.tenant).writeContract({
    ...{ address: bench.deployment.leaseAccess!, abi: leaseAccessAbi },
    ...{ functionName: 'order', args: [leaseId, orderCodeOf(action)] },
  })
  const receipt = await bench.anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
  expect(receipt.status).toBe('success')
  const block = await bench.anvil.client.getBlock({ blockNumber: receipt.blockNumber })
  return { height: block.number, atMs: Number(block.timestamp) * 1_000 }
}

describe('an order on chain', () => {
  it('of power counts at once, at the time of its block, against signed ones', async () => {
    const { atMs } = await order('Stop')
    await node.wished(leaseId, ({ power }) => power === 'off')
    const tenant = bench.anvil.account(ROLES.tenant)
    const send = async (nowMs: number) => {
      const body = await signedBy(bench, tenant, { leaseId, action: 'Start' }, { nowMs })
      return postTo(node.url, `/v1/leases/${leaseId}/orders`, body)
    }
    // Who signs it later in the same second hears that it is void; of the order on chain nobody could be told so.
    for (const nowMs of [atMs - 1, atMs + 1, atMs + 998]) {
      expect(await send(nowMs)).toMatchObject({ status: 409, code: 'order-superseded' })
    }
    expect(node.wish(leaseId).power).toBe('off')
    expect(await send(atMs + 999)).toMatchObject({ status: 202 })
    expect(node.wish(leaseId).power).toBe('on')
  })

  it('by a wallet of the library is the same', async () => {
    // Blocks count in whole seconds: past the signed order of this one.
    await bench.anvil.moveTime(2)
    await orderOnChain(bench.tenant, leaseId, 'Stop')
    await node.wished(leaseId, ({ power }) => power === 'off')
    await bench.anvil.moveTime(2)
    await orderOnChain(bench.tenant, leaseId, 'Start')
    await node.wished(leaseId, ({ power }) => power === 'on')
  })

  it('to reinstall or restore counts once its block is final, and not before', async () => {
    for (const [action, field] of [
      ['Reinstall', 'reinstallAtMs'],
      ['Restore', 'restoreAtMs'],
    ] as const) {
      const early: string[] = []
      const before = node.wish(leaseId)[field]
      const watch = node.context.follower.onChange(() => {
        const height = node.context.follower.finalizedThrough()?.height ?? 0n
        if (node.wish(leaseId)[field] !== before && (seen === null || height < seen))
          early.push(`at ${height}`)
      })
      let seen: bigint | null = null
      const { height, atMs } = await order(action)
      seen = height
      const wish = await node.wished(leaseId, (now) => now[field] !== before)
      watch()
      expect(wish[field]).toBe(atMs)
      expect(node.context.follower.finalizedThrough()!.height).toBeGreaterThanOrEqual(height)
      expect(early).toEqual([])
    }
  })

  it('is taken back by a reorg that takes its block', async () => {
    const { power } = node.wish(leaseId)
    expect(power).toBe('on')
    // From here on blocks come by hand: the reorg reaches exactly the block of the order.
    await bench.anvil.client.setIntervalMining({ interval: 0 })
    try {
      const given = order('Stop')
      const inPool = async () => (await bench.anvil.client.getTxpoolStatus()).pending
      await expect.poll(inPool, { timeout: 10_000 }).toBe(1)
      await bench.anvil.client.mine({ blocks: 1 })
      const { height } = await given
      await node.wished(leaseId, (wish) => wish.power === 'off')
      expect(await bench.anvil.client.getBlockNumber()).toBe(height)
      // One block back, and an empty one in its place.
      await bench.anvil.client.request({ method: 'anvil_reorg' as 'anvil_reset', params: [1, []] as never })
      await node.wished(leaseId, (wish) => wish.power === 'on')
    } finally {
      await bench.anvil.client.setIntervalMining({ interval: 1 })
    }
  })

  it('of another lease changes nothing here', async () => {
    const other = await bench.open()
    await orderOnChain(bench.tenant, other, 'Stop')
    await node.wished(other, ({ power }) => power === 'off')
    expect(node.wish(leaseId).power).toBe('on')
    expect(node.wish(`0x${'ab'.repeat(32)}`)).toEqual(NO_WISH)
  })

  it('given while the agent is down is found when it comes back, and a signed one is not lost', async () => {
    const tenant = bench.anvil.account(ROLES.tenant)
    const body = await signedBy(bench, tenant, { leaseId, action: 'Reboot' })
    expect(await postTo(node.url, `/v1/leases/${leaseId}/orders`, body)).toMatchObject({ status: 202 })
    await node.close()
    await orderOnChain(bench.tenant, leaseId, 'Stop')
    node = await startOrderNode(bench)
    const wish = await node.wished(leaseId, ({ power }) => power === 'off')
    expect(wish.rebootAtMs).toBe(body.issuedAt)
    expect(await postTo(node.url, `/v1/leases/${leaseId}/orders`, body)).toMatchObject({
      code: 'order-replayed',
    })
  })
})
