import { leaseEscrowAbi, type Terms } from '@decloud/protocol'
import { placementSchema } from '@decloud/protocol/wire/placement'
import { decodeFunctionData, type Hex, toHex } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { AGENT, KEEPER, type Local, OPERATOR, startLocal, TENANT } from '../../../chain/test/local.ts'
import { type RpcProxy, startRpcProxy } from '../../../chain/test/rpc-proxy.ts'
import type { Keeper } from '../../src/index.ts'
import { getJson, type Harness, keyOf, makeHarness, until } from '../harness.ts'

let local: Local
let harness: Harness
let proxy: RpcProxy
/** Rounds come with changes of the chain alone; further ones are asked for. */
const AT_ONCE = { enabled: true, everySeconds: 3_600, retrySeconds: 0.05 }
const OTHER_KEY = 8

beforeAll(async () => {
  local = await startLocal()
  await local.register()
  await local.register()
  await local.fund(TENANT, 10_000_000_000n)
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

const assignedEvents = async (leaseId: Hex) =>
  (
    await local.anvil.client.getContractEvents({
      ...{ address: local.deployment.leaseEscrow, abi: leaseEscrowAbi, fromBlock: 0n },
      eventName: 'LeaseAssigned',
      args: { leaseId },
    })
  ).length
const request = (change: Partial<Terms> = {}) => local.open(TENANT, 0, change)
const placementOf = async (keeper: Keeper, leaseId: Hex, query = '') => {
  const { status, body } = await getJson(`${keeper.url}/api/leases/${leaseId}/placement${query}`)
  expect(status).toBe(200)
  return placementSchema.parse(body)
}
const boot = async (dataDir = harness.freshFolder()) => {
  const keeper = await harness.boot({ dataDir, scheduler: AT_ONCE })
  await until(async () => (await fetch(`${keeper.url}/health`)).status === 200, 'live')
  return keeper
}
const settled = async (keeper: Keeper) => {
  await keeper.synced()
  await until(async () => (await keeper.place())?.state === 'placing', 'a round')
}

describe('a request without a node', () => {
  it('is placed when it comes, and the answer says why there', async () => {
    const keeper = await harness.boot({ scheduler: AT_ONCE })
    const leaseId = await request()
    await until(async () => (await local.leaseOf(leaseId)).node !== 0, 'placed by itself')
    await until(() => keeper.ledger.lease(leaseId)?.status === 'Assigned', 'in the ledger')
    const answer = await placementOf(keeper, leaseId)
    expect(answer).toMatchObject({ status: 'Assigned', placedBy: 'this-keeper', waitsBecause: null })
    expect(answer.decision?.chosen).toBe((await local.leaseOf(leaseId)).node)
    expect(answer.decision?.candidates.map(({ rank }) => rank)).toEqual([1, 2])
    const [first, second] = answer.decision!.candidates
    expect(first!.total).toBeGreaterThanOrEqual(second!.total)
    expect(first!.price).toBe((await local.leaseOf(leaseId)).pricePerHour)
  })

  it('waits with a reason while no node takes it, node by node, and is placed once one does', async () => {
    const keeper = await boot()
    const leaseId = await request({ minNotice: 7_200 })
    await settled(keeper)
    const waiting = await placementOf(keeper, leaseId, '?node=2&limit=1')
    expect(waiting).toMatchObject({ status: 'Requested', node: 0, placedBy: null })
    expect(waiting.waitsBecause).toBe('None of 2 nodes takes it: 2 notice.')
    expect(waiting.decision?.refused).toEqual([
      { node: 2, code: 'notice', sentence: 'It gives 0 s of notice; the tenant wants at least 7200 s.' },
    ])
    await local.registry(OPERATOR, 'setTerms', [2, 60, 7_200])
    await settled(keeper)
    expect((await local.leaseOf(leaseId)).node).toBe(2)
    await local.registry(OPERATOR, 'setTerms', [2, 60, 0])
  })

  it('is spread over the nodes, never over what one can hold', async () => {
    const keeper = await boot()
    const ids: Hex[] = []
    // Half a node's memory and a little more: one fits on each.
    for (let nth = 0; nth < 3; nth++) ids.push(await request({ memoryMiB: 520_000, deposit: 500_000_000n }))
    await settled(keeper)
    const nodes = await Promise.all(ids.map(async (id) => (await local.leaseOf(id)).node))
    expect([...nodes].sort()).toEqual([0, 1, 2])
    const waiting = ids[nodes.indexOf(0)]!
    expect((await placementOf(keeper, waiting)).waitsBecause).toBe('None of 2 nodes takes it: 2 memory.')
    // Room comes free: the one that waits gets it.
    await local.escrow(TENANT, 'close', [ids[nodes.indexOf(1)]!, local.anvil.account(TENANT).address])
    await settled(keeper)
    expect((await local.leaseOf(waiting)).node).toBe(1)
    for (const id of ids)
      if ((await local.leaseOf(id)).status !== 4)
        await local.escrow(TENANT, 'close', [id, local.anvil.account(TENANT).address])
  })

  it('goes to the next best when the contract refuses the best, and the answer says what it said', async () => {
    const keeper = await harness.boot({ rpcUrls: [proxy.url], scheduler: AT_ONCE })
    await until(async () => (await fetch(`${keeper.url}/health`)).status === 200, 'live')
    const tried = new Set<number>()
    let failure: Awaited<ReturnType<typeof placementOf>>['lastFailure'] = null
    // The keeper may be at its second choice before the request is known to be in.
    const requested = Promise.withResolvers<Hex>()
    // Its ledger shows the node as it was when it chose: the drain comes between the choice and the simulation.
    proxy.judge = async ({ method, params }): Promise<'forward'> => {
      if (method !== 'eth_estimateGas') return 'forward'
      const [call] = params as [{ data: Hex }]
      const { args } = decodeFunctionData({ abi: leaseEscrowAbi, data: call.data })
      const node = Number(args?.[1])
      // On a slow machine a question is asked twice: it counts once.
      const isFirst = tried.size === 0
      tried.add(node)
      if (isFirst) await local.registry(OPERATOR, 'setActive', [node, false])
      else failure ??= (await placementOf(keeper, await requested.promise)).lastFailure
      return 'forward'
    }
    const leaseId = await request()
    requested.resolve(leaseId)
    await until(async () => (await local.leaseOf(leaseId)).node !== 0, 'placed on another')
    const [best, next] = tried
    expect((await local.leaseOf(leaseId)).node).toBe(next)
    expect(failure).toMatchObject({ node: best, code: 'LeaseEscrow_NodeNotActive' })
    await local.registry(OPERATOR, 'setActive', [best, true])
  })

  it('prefers the node that has brought machines up over one that let them lapse', async () => {
    const [proven, lapsing] = [1, 2]
    for (let nth = 0; nth < 3; nth++) {
      const up = await local.open(TENANT, proven, { deposit: 2_000_000n })
      await local.escrow(AGENT, 'activate', [up, toHex(7, { size: 32 })])
      await local.escrow(TENANT, 'close', [up, local.anvil.account(TENANT).address])
      const never = await local.open(TENANT, lapsing, { activateWithin: 60 })
      await local.anvil.moveTime(61)
      await local.escrow(TENANT, 'expire', [never])
    }
    const keeper = await boot()
    const leaseId = await request()
    await settled(keeper)
    expect((await local.leaseOf(leaseId)).node).toBe(proven)
    const { decision } = await placementOf(keeper, leaseId)
    const [first, second] = decision!.candidates
    expect(first!.score.reputation).toBeGreaterThan(second!.score.reputation)
  })
})

describe('a keeper that is not the scheduler', () => {
  it('assigns nothing, explains all the same, and says whose turn it is', async () => {
    const privateKey = keyOf(local, OTHER_KEY)
    const { child, says } = await harness.spawnKeeper(
      { ...harness.raw(), scheduler: { enabled: true, everySeconds: 1 }, logLevel: 'info' },
      { DECLOUD_KEEPER_PRIVATE_KEY: privateKey },
    )
    const [, url] = await says(/"url":"([^"]+)"/)
    const leaseId = await request()
    const state = async () => {
      const { status, body } = await getJson(`${url}/api/leases/${leaseId}/placement`)
      return status === 200 ? placementSchema.parse(body) : null
    }
    await until(async () => (await state())?.scheduler.state === 'not-the-scheduler', 'it has looked')
    const answer = await state()
    expect(answer?.scheduler.address).toBe(local.anvil.account(KEEPER).address)
    expect(answer?.decision?.chosen).not.toBeNull()
    expect(answer?.waitsBecause).toContain("does not hold the scheduler's key")
    await local.anvil.moveTime(120)
    await until(async () => (await state())?.decision !== null, 'still explained')
    expect((await local.leaseOf(leaseId)).node).toBe(0)
    child.kill('SIGTERM')
    await local.escrow(TENANT, 'close', [leaseId, local.anvil.account(TENANT).address])
  })
})

describe('while the guardian has stopped activations', () => {
  it('nothing is assigned that could only lapse', async () => {
    await local.call(8, 'leaseDesk', 'pause', [])
    await local.call(8, 'leaseDesk', 'unpause', [])
    const leaseId = await request()
    const keeper = await boot()
    await local.anvil.moveTime(14 * 86_400)
    await local.escrow(TENANT, 'expire', [leaseId])
    const later = await request()
    await local.call(8, 'leaseDesk', 'pause', [])
    await keeper.synced()
    await until(async () => (await keeper.place())?.state === 'paused', 'seen')
    expect((await local.leaseOf(later)).node).toBe(0)
    expect((await placementOf(keeper, later)).waitsBecause).toContain('the guardian has stopped activations')
    await local.call(8, 'leaseDesk', 'unpause', [])
    await settled(keeper)
    expect((await local.leaseOf(later)).node).not.toBe(0)
  })
})

describe('killed with SIGKILL', () => {
  it.each(['before', 'after'] as const)(
    '%s its assignment reached the chain: assigned once',
    async (when) => {
      const leaseId = await request()
      const dataDir = harness.freshFolder()
      const config = harness.raw({ dataDir, rpcUrls: [proxy.url] })
      const { child, ended } = await harness.spawnKeeper(
        { ...config, scheduler: { enabled: true, everySeconds: 1 }, minSettleUsdc: '1000' },
        { DECLOUD_KEEPER_PRIVATE_KEY: keyOf(local) },
      )
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
      expect(await assignedEvents(leaseId)).toBe(when === 'after' ? 1 : 0)
      const keeper = await boot(dataDir)
      await until(async () => (await assignedEvents(leaseId)) === 1, 'assigned')
      await settled(keeper)
      expect(await assignedEvents(leaseId)).toBe(1)
      expect((await keeper.audit('all')).outcome).toBe('equal')
      // What it decided is on disk: the answer outlives the process that gave it.
      expect((await placementOf(keeper, leaseId)).placedBy).toBe('this-keeper')
    },
  )
})

describe('two keepers at once', () => {
  it('with the same key, against the rules: each request is assigned once, none is lost', async () => {
    const keepers = [await boot(), await boot()]
    const ids: Hex[] = []
    for (let nth = 0; nth < 12; nth++) ids.push(await request())
    for (const keeper of keepers) await keeper.synced()
    await until(
      async () => {
        await Promise.all(keepers.map((keeper) => keeper.place()))
        const nodes = await Promise.all(ids.map(async (id) => (await local.leaseOf(id)).node))
        return nodes.every((node) => node !== 0)
      },
      'all placed',
      60_000,
    )
    for (const id of ids) expect(await assignedEvents(id)).toBe(1)
    for (const keeper of keepers) {
      await keeper.synced()
      expect((await keeper.audit('all')).outcome).toBe('equal')
    }
  }, 90_000)
})
