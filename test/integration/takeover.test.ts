// A keeper dies by `kill -9` among fifty live leases, with transactions in flight. Another, with a key of its own and an
// empty folder, takes over: nothing is lost, nothing is paid twice.
import { leaseEscrowAbi } from '@decloud/protocol'
import { erc20Abi, type Hex, toHex } from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { AGENT, KEEPER, type Local, OPERATOR, startLocal, TENANT } from '../../chain/test/local.ts'
import { type RpcProxy, startRpcProxy } from '../../chain/test/rpc-proxy.ts'
import type { Keeper } from '../../keeper/src/index.ts'
import { type Harness, keyOf, makeHarness, until } from '../../keeper/test/harness.ts'
import { audit } from '../../scripts/audit/audit.ts'
import { costlyNoOps, doubleEffects, transactionsOf } from '../crash/transactions.ts'

const LEASES = 50
const SUCCESSOR = 51
const HOUR = 3_600
const FINGERPRINT = toHex(7, { size: 32 })

let local: Local
let harness: Harness
let proxy: RpcProxy
beforeAll(async () => {
  local = await startLocal()
  harness = await makeHarness(local)
  proxy = await startRpcProxy(local.anvil.rpcUrl)
  await local.register()
  await local.fund(TENANT, 1_000_000_000n)
  await local.anvil.client.setBalance({ address: addressOf(SUCCESSOR), value: 10n ** 20n })
})
afterAll(async () => {
  await harness?.close()
  await proxy?.close()
  await local?.stop()
})

const addressOf = (index: number) => local.anvil.account(index).address
const inEscrow = () => ({ address: local.deployment.leaseEscrow, abi: leaseEscrowAbi }) as const
const settledOf = async (leaseId: Hex) =>
  (await local.anvil.client.readContract({ ...inEscrow(), functionName: 'leaseOf', args: [leaseId] })).settled
const usdcOf = (index: number) =>
  local.anvil.client.readContract({
    ...{ address: local.deployment.usdc, abi: erc20Abi, functionName: 'balanceOf', args: [addressOf(index)] },
  })

/** What has vested of all of them at the newest block, and what is settled of that. */
const sumsOf = async (ids: readonly Hex[]) => {
  const { timestamp, number: blockNumber } = await local.anvil.client.getBlock()
  const vested = await Promise.all(
    ids.map((id) =>
      local.anvil.client.readContract({
        ...{ ...inEscrow(), functionName: 'vested', args: [id, timestamp], blockNumber },
      }),
    ),
  )
  const settled = await Promise.all(ids.map(settledOf))
  return { vested, settled }
}

const openFifty = async (): Promise<Hex[]> => {
  await local.openMany(TENANT, 1, LEASES)
  const requested = await local.anvil.client.getContractEvents({
    ...{ ...inEscrow(), eventName: 'LeaseRequested', fromBlock: 0n, strict: true },
  })
  const ids = requested.map(({ args }) => args.leaseId)
  expect(ids).toHaveLength(LEASES)
  for (const id of ids) await local.escrow(AGENT, 'activate', [id, FINGERPRINT])
  return ids
}

/** Runs a keeper of the scheduler's key until its second batch is in the pool, and the third is still to come. */
const dieInFlight = async () => {
  const config = { ...harness.raw({ rpcUrls: [proxy.url], settleEverySeconds: 1 }), batchSize: 20 }
  const { child, ended } = await harness.spawnKeeper(config, { DECLOUD_KEEPER_PRIVATE_KEY: keyOf(local) })
  // One that is sent again, because its answer did not arrive, is the same one.
  const sent = new Set<unknown>()
  proxy.judge = async ({ method, params }) => {
    if (method !== 'eth_sendRawTransaction') return 'forward' as const
    sent.add(params![0])
    if (sent.size === 2) await local.anvil.client.setAutomine(false)
    return 'forward' as const
  }
  proxy.after = async ({ method }) => {
    if (method !== 'eth_sendRawTransaction' || sent.size < 2) return
    child.kill('SIGKILL')
    await ended
  }
  expect((await ended).signal).toBe('SIGKILL')
  expect(sent.size).toBe(2)
}

const round = async (keeper: Keeper) => {
  await keeper.synced()
  await until(async () => (await keeper.upkeep())?.skipped === false, 'a round')
}

it('a blank keeper takes over in the middle of fifty live leases', async () => {
  const ids = await openFifty()
  await local.anvil.moveTime(10 * HOUR)
  await dieInFlight()
  const before = await sumsOf(ids)
  expect(before.settled.filter((amount) => amount > 0n)).toHaveLength(20)

  // What the dead keeper sent still waits in the pool when its successor looks at the same leases.
  const successor = await harness.boot({}, SUCCESSOR)
  await successor.synced()
  const first = round(successor)
  await until(async () => {
    const { pending } = await local.anvil.client.getTxpoolStatus()
    return pending >= 2
  }, 'both in the pool')
  await local.anvil.client.setAutomine(true)
  await local.anvil.client.mine({ blocks: 1 })
  await first
  await round(successor)
  const after = await sumsOf(ids)
  for (const [nth, vested] of after.vested.entries()) {
    // Less than is worth a transaction may have vested since.
    expect(vested - after.settled[nth]!).toBeLessThan(50_000n)
    expect(after.settled[nth]).toBeGreaterThan(0n)
  }

  const paid = await usdcOf(TENANT)
  const half = ids.slice(0, LEASES / 2)
  for (const id of half) await local.escrow(TENANT, 'close', [id, addressOf(TENANT)])
  const refunded = (await usdcOf(TENANT)) - paid
  // The rest runs dry, and is ended after the days of grace.
  for (const days of [2, 4]) {
    await local.anvil.moveTime(days * 24 * HOUR)
    await round(successor)
    await round(successor)
  }
  await local.anvil.moveTime(HOUR)
  await round(successor)

  const bills = await Promise.all(ids.map(settledOf))
  const billed = bills.reduce((sum, amount) => sum + amount, 0n)
  const leases = await Promise.all(ids.map((id) => successor.ledger.lease(id)!))
  for (const [nth, lease] of leases.entries()) {
    expect(lease.status).toBe('Ended')
    expect(lease.due).toBe(bills[nth])
    expect(lease.due + lease.refunded).toBe(lease.deposited)
  }
  expect(billed + refunded).toBe(BigInt(LEASES) * 1_000_000n)

  expect(await doubleEffects(local)).toEqual([])
  const keepers = new Map([
    [addressOf(KEEPER).toLowerCase(), 'first'],
    [addressOf(SUCCESSOR).toLowerCase(), 'successor'],
  ])
  const sent = await transactionsOf(local, keepers)
  expect(costlyNoOps(sent)).toEqual([])
  expect(sent.filter(({ effect }) => effect !== 'effective').length).toBeLessThanOrEqual(1)
  expect((await successor.audit('all')).outcome).toBe('equal')
  const { rpcUrl } = local.anvil
  const books = await audit({ deployment: local.deployment, rpcUrl, at: 'latest', onProgress: () => {} })
  expect(books.differences).toEqual([])

  // The operator takes out exactly what the leases came to.
  await local.escrow(OPERATOR, 'withdrawEarned', [1, addressOf(OPERATOR), billed])
  expect(await usdcOf(OPERATOR)).toBe(billed)
  const left = await local.anvil.client.readContract({
    ...{ address: local.deployment.usdc, abi: erc20Abi, functionName: 'balanceOf' },
    args: [local.deployment.leaseEscrow],
  })
  expect(left).toBe(0n)
}, 180_000)
