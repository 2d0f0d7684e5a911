import { leaseEscrowAbi } from '@decloud/protocol'
import { DEPLETED_GRACE } from '@decloud/protocol/upkeep'
import { type Hex, toHex } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { AGENT, KEEPER, type Local, OPERATOR, startLocal, TENANT } from '../../chain/test/local.ts'
import { type RpcProxy, startRpcProxy } from '../../chain/test/rpc-proxy.ts'
import type { Keeper } from '../src/index.ts'
import { getJson, type Harness, keyOf, makeHarness, until } from './harness.ts'

let local: Local
let harness: Harness
let proxy: RpcProxy
const FINGERPRINT = toHex(7, { size: 32 })

beforeAll(async () => {
  local = await startLocal()
  await local.register()
  await local.fund(TENANT, 1_000_000_000n)
})
afterAll(() => local?.stop())
beforeEach(async () => {
  harness = await makeHarness(local)
  proxy = await startRpcProxy(local.anvil.rpcUrl)
})
afterEach(async () => {
  await harness.close()
  await proxy.close()
})

const running = async (count: number): Promise<Hex[]> => {
  const ids: Hex[] = []
  for (let i = 0; i < count; i++) ids.push(await local.open(TENANT, 1, { deposit: 2_000_000n }))
  for (const id of ids) await local.escrow(AGENT, 'activate', [id, FINGERPRINT])
  return ids
}
const settledEvents = async (leaseId: Hex) =>
  (
    await local.anvil.client.getContractEvents({
      ...{ address: local.deployment.leaseEscrow, abi: leaseEscrowAbi, fromBlock: 0n },
      eventName: 'LeaseSettled',
      args: { leaseId },
    })
  ).length
const round = async (keeper: Keeper) => {
  await keeper.synced()
  let result = await keeper.upkeep()
  await until(async () => {
    if (result?.skipped === false) return true
    result = await keeper.upkeep()
    return result?.skipped === false
  }, 'a round')
  return result!
}

describe('chores', () => {
  it('settles in bounded batches what is worth it, once', async () => {
    const ids = await running(5)
    await local.anvil.moveTime(3_600 * 10)
    const keeper = await harness.boot({ batchSize: 2 })
    expect(await round(keeper)).toMatchObject({ done: 3, failed: 0, skipped: false, left: [] })
    for (const id of ids) expect((await local.leaseOf(id)).settled).toBeGreaterThan(0n)
    expect(await round(keeper)).toMatchObject({ done: 0, failed: 0, skipped: false, left: [] })
    for (const id of ids) expect(await settledEvents(id)).toBe(1)
    expect((await keeper.audit('all')).outcome).toBe('equal')
  })

  it('expires what was never activated, and ends what has been depleted for 72 h', async () => {
    const idle = await local.open(TENANT, 1)
    const [depleted] = await running(1)
    await local.anvil.moveTime(2_000)
    const keeper = await harness.boot()
    await round(keeper)
    expect(await local.leaseOf(idle)).toMatchObject({ status: 4, endReason: 4 })
    expect((await local.leaseOf(depleted!)).status).toBe(3)
    await local.anvil.moveTime(3_600 * 1_000 + DEPLETED_GRACE)
    await round(keeper)
    expect(await local.leaseOf(depleted!)).toMatchObject({ status: 4, endReason: 3, settled: 2_000_000n })
    expect((await keeper.audit('all')).outcome).toBe('equal')
  })

  it('expires a request that no node took within a day', async () => {
    const waiting = await local.open(TENANT, 0)
    const keeper = await harness.boot()
    await local.anvil.moveTime(86_000)
    await round(keeper)
    expect((await local.leaseOf(waiting)).status).toBe(1)
    await local.anvil.moveTime(1_000)
    await round(keeper)
    expect(await local.leaseOf(waiting)).toMatchObject({ status: 4, endReason: 4 })
    expect((await keeper.audit('all')).outcome).toBe('equal')
  })

  it('settles the rest of an ended lease when its hold-back is over, however little', async () => {
    const [id] = await running(1)
    await local.anvil.moveTime(3)
    await local.escrow(TENANT, 'close', [id!, local.anvil.account(TENANT).address])
    const keeper = await harness.boot()
    await round(keeper)
    await local.anvil.moveTime(120)
    await round(keeper)
    const view = keeper.ledger.lease(id!)!
    expect((await local.leaseOf(id!)).settled).toBe(view.due)
    expect(view.due).toBeGreaterThan(0n)
    expect(keeper.ledger.openLeases().map((lease) => lease.leaseId)).not.toContain(id)
  })

  it('renews inside the bounds that the tenant set, until the budget is used up', async () => {
    await local.escrow(TENANT, 'deposit', [10_000_000n])
    const id = await local.open(TENANT, 1, { deposit: 100_000n })
    await local.escrow(AGENT, 'activate', [id, FINGERPRINT])
    const renewal = { amount: 150_000n, budget: 300_000n, runway: 86_400 }
    await local.call(TENANT, 'leaseMandates', 'setAutoRenew', [id, renewal])
    const keeper = await harness.boot()
    for (const deposited of [250_000n, 400_000n, 400_000n]) {
      await round(keeper)
      expect((await local.leaseOf(id)).deposited).toBe(deposited)
    }
    expect(keeper.ledger.lease(id)?.renewal.budget).toBe(0n)
    expect((await keeper.audit('all')).outcome).toBe('equal')
  })

  it('releases the fee of a template when its refund window is over, to author and platform', async () => {
    const template = await local.publish(OPERATOR, 100_000n, 600)
    const id = await local.open(TENANT, 1, { template, templateVersion: 1, maxTemplateFee: 100_000n })
    await local.escrow(AGENT, 'activate', [id, FINGERPRINT])
    const keeper = await harness.boot()
    await round(keeper)
    expect(keeper.ledger.lease(id)?.templateFee?.held).toBe(100_000n)
    await local.anvil.moveTime(600)
    await round(keeper)
    expect(keeper.ledger.lease(id)?.templateFee).toMatchObject({ toAuthor: 85_000n, toPlatform: 15_000n })
    expect(keeper.upkeepStatus()?.totals.release).toMatchObject({ transactions: 1, moved: 100_000n })
    expect((await getJson(`${keeper.url}/api/upkeep`)).body).toMatchObject({
      ...{ lastRound: { skipped: false, held: null }, totals: { release: { moved: '100000' } } },
    })
  })

  it('waits while gas costs more than its part of what would be settled, and says so', async () => {
    const [id] = await running(1)
    await local.anvil.moveTime(3_600 * 10)
    const keeper = await harness.boot({ upkeep: { jitterSeconds: 0, gasCoinUsdc: '1000000' } })
    expect(await round(keeper)).toMatchObject({ done: 0, failed: 0 })
    expect((await local.leaseOf(id!)).settled).toBe(0n)
    expect(keeper.upkeepStatus()?.waiting.leases).toBeGreaterThan(0)
  })

  it('two keepers at the same work: done once, the rest are no-ops at most', async () => {
    const ids = await running(8)
    await local.anvil.moveTime(3_600 * 10)
    const keepers = await Promise.all([KEEPER, 5].map((index) => harness.boot({ batchSize: 2 }, index)))
    for (const keeper of keepers) await keeper.synced()
    const from = await local.anvil.client.getBlockNumber()
    await Promise.all(keepers.map(round))
    const sent = await Promise.all(keepers.map(async (keeper) => (await round(keeper)).done))
    expect(sent).toEqual([0, 0])
    for (const id of ids) {
      const settled = await local.anvil.client.getContractEvents({
        ...{ address: local.deployment.leaseEscrow, abi: leaseEscrowAbi, fromBlock: from },
        ...{ eventName: 'LeaseSettled', args: { leaseId: id } },
      })
      expect(settled.length).toBeGreaterThanOrEqual(1)
    }
    for (const keeper of keepers) expect((await keeper.audit('all')).outcome).toBe('equal')
  })

  it('goes on serving when it has no gas, and says so', async () => {
    await running(1)
    await local.anvil.moveTime(3_600 * 10)
    const { address } = local.anvil.account(4)
    const balance = await local.anvil.client.getBalance({ address })
    await local.anvil.client.setBalance({ address, value: 5n })
    try {
      const keeper = await harness.boot()
      await keeper.synced()
      await until(async () => (await keeper.upkeep())?.held === 'gas-funds', 'said')
      expect(keeper.upkeepStatus()).toMatchObject({ funds: 5n, totals: {} })
      expect((await fetch(`${keeper.url}/api/leases`)).status).toBe(200)
    } finally {
      await local.anvil.client.setBalance({ address, value: balance })
    }
  })

  it('does none without a key', async () => {
    const keeper = await harness.boot({}, null)
    await keeper.synced()
    expect(await keeper.upkeep()).toBeNull()
    expect(await getJson(`${keeper.url}/api/upkeep`)).toMatchObject({
      ...{ status: 404, body: { code: 'upkeep-none' } },
    })
  })
})

describe('killed with SIGKILL', () => {
  const restartAndCompare = async (dataDir: string) => {
    const keeper = await harness.boot({ dataDir })
    await keeper.synced()
    await until(async () => (await keeper.audit('all')).outcome === 'equal', 'ledger equal to the chain')
    return keeper
  }

  it.each(['before', 'after'] as const)('%s its settle reached the chain: settled once', async (when) => {
    const [id] = await running(1)
    await local.anvil.moveTime(3_600 * 10)
    const dataDir = harness.freshFolder()
    const config = {
      ...harness.raw({ dataDir, rpcUrls: [proxy.url], settleEverySeconds: 1 }),
      minSettleUsdc: '0.01',
    }
    const { child, ended } = await harness.spawnKeeper(config, { DECLOUD_KEEPER_PRIVATE_KEY: keyOf(local) })
    const kill = async () => {
      child.kill('SIGKILL')
      await ended
    }
    if (when === 'after') {
      proxy.after = ({ method }) => (method === 'eth_sendRawTransaction' ? kill() : undefined)
    } else {
      proxy.judge = async ({ method }) => {
        if (method !== 'eth_sendRawTransaction') return 'forward'
        await kill()
        return 'refuse'
      }
    }
    expect((await ended).signal).toBe('SIGKILL')
    expect(await settledEvents(id!)).toBe(when === 'after' ? 1 : 0)
    const keeper = await restartAndCompare(dataDir)
    await until(async () => (await settledEvents(id!)) === 1, 'settled')
    await round(keeper)
    expect(await settledEvents(id!)).toBe(1)
  })

  it('again and again in the middle of its sync: the ledger equals the chain', async () => {
    await local.openMany(TENANT, 1, 60)
    await running(2)
    const dataDir = harness.freshFolder()
    const config = harness.raw({ dataDir, rpcUrls: [proxy.url] })
    for (const calls of [6, 12]) {
      let left = calls
      const { child, ended } = await harness.spawnKeeper(config)
      proxy.judge = () => {
        left -= 1
        if (left <= 0) child.kill('SIGKILL')
        return 'forward'
      }
      await ended
    }
    proxy.judge = () => 'forward'
    const keeper = await restartAndCompare(dataDir)
    expect(keeper.ledger.allLeases().length).toBeGreaterThanOrEqual(62)
  }, 90_000)
})
