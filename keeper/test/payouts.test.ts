import { leaseEscrowAbi } from '@decloud/protocol'
import { type Address, type Hex, toHex } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { AGENT, KEEPER, type Local, OPERATOR, startLocal, TENANT } from '../../chain/test/local.ts'
import { PUSH_INTERVAL, planPayouts } from '../src/domain/payouts.ts'
import type { Keeper } from '../src/index.ts'
import type { PayoutRound } from '../src/services/payouts.ts'
import { type Harness, makeHarness, until } from './harness.ts'

let local: Local
let harness: Harness
const WEEK = 7 * 86_400
const RECIPIENTS = [0xd1, 0xd2].map((nth): Address => toHex(nth, { size: 20 }))

beforeAll(async () => {
  local = await startLocal()
  await local.fund(TENANT, 10_000_000_000n)
  for (const node of [1, 2]) {
    await local.register()
    const id: Hex = await local.open(TENANT, node, { deposit: 900_000_000n, holdBack: 0 })
    const agent = node === 1 ? AGENT : 100 + node
    const { address } = local.anvil.account(agent)
    await local.anvil.client.setBalance({ address, value: 10n ** 18n })
    await local.escrow(agent, 'activate', [id, toHex(7, { size: 32 })])
    leases.push(id)
  }
})
afterAll(() => local?.stop())
beforeEach(async () => {
  harness = await makeHarness(local)
})
afterEach(() => harness.close())

const leases: Hex[] = []
const earn = async (seconds: number) => {
  await local.anvil.moveTime(seconds)
  await local.escrow(KEEPER, 'settle', [leases])
}
const enroll = async (node: number, recipient: Address) => {
  await local.escrow(OPERATOR, 'proposePayee', [node, local.deployment.payouts])
  await local.call(OPERATOR, 'payouts', 'enroll', [node, recipient])
}
const earned = (node: number) =>
  local.anvil.client.readContract({
    ...{ address: local.deployment.leaseEscrow, abi: leaseEscrowAbi },
    functionName: 'earnedOf',
    args: [node],
  })
const usdcOf = (account: Address) =>
  local.anvil.client.readContract({
    address: local.deployment.usdc,
    abi: [
      {
        type: 'function',
        name: 'balanceOf',
        stateMutability: 'view',
        inputs: [{ name: 'account', type: 'address' }],
        outputs: [{ name: '', type: 'uint256' }],
      },
    ] as const,
    functionName: 'balanceOf',
    args: [account],
  })
const boot = async (change: Parameters<Harness['boot']>[0] = {}) => {
  const keeper = await harness.boot(change)
  await until(async () => (await fetch(`${keeper.url}/health`)).status === 200, 'live')
  return keeper
}
const round = async (keeper: Keeper): Promise<PayoutRound> => {
  await keeper.synced()
  let result = await keeper.payOut()
  await until(async () => {
    if (result?.held === null) return true
    result = await keeper.payOut()
    return result?.held === null
  }, 'a round')
  return result!
}

describe('a payee that asked for it', () => {
  it('is paid when something worth its gas is earned, once a week, and nobody else is', async () => {
    const keeper = await boot()
    await enroll(1, RECIPIENTS[0]!)
    await earn(86_400)
    expect(await round(keeper)).toEqual({ pushed: 1, refused: 0, failed: 0, held: null })
    const first = await usdcOf(RECIPIENTS[0]!)
    expect(first).toBeGreaterThan(0n)
    expect(await earned(1)).toBe(0n)
    expect(await earned(2)).toBeGreaterThan(0n)
    await earn(6 * 86_400)
    expect(await round(keeper)).toMatchObject({ pushed: 0 })
    await earn(86_400)
    expect(await round(keeper)).toMatchObject({ pushed: 1 })
    expect(await usdcOf(RECIPIENTS[0]!)).toBeGreaterThan(first)
    expect((await keeper.audit('all')).outcome).toBe('equal')
  })

  it('waits while its gas is too dear for what it earned', async () => {
    await earn(WEEK)
    const thrifty = await boot({ upkeep: { jitterSeconds: 0, gasCoinUsdc: '100000000' } })
    expect(await round(thrifty)).toMatchObject({ pushed: 0, failed: 0 })
    const keeper = await boot()
    expect(await round(keeper)).toMatchObject({ pushed: 1 })
  })

  it('is left out while USDC does not pay it, and does not hold up the others', async () => {
    await enroll(2, RECIPIENTS[1]!)
    await earn(WEEK)
    const [blocked, free] = RECIPIENTS as [Address, Address]
    const blacklist = (on: boolean) =>
      local.anvil.wallet(0).writeContract({
        address: local.deployment.usdc,
        abi: [
          {
            type: 'function',
            name: on ? 'blacklist' : 'unBlacklist',
            stateMutability: 'nonpayable',
            inputs: [{ name: 'account', type: 'address' }],
            outputs: [],
          },
        ] as const,
        functionName: on ? 'blacklist' : 'unBlacklist',
        args: [blocked],
      })
    await blacklist(true)
    const keeper = await boot()
    const before = await usdcOf(blocked)
    expect(await round(keeper)).toEqual({ pushed: 1, refused: 1, failed: 0, held: null })
    expect(await usdcOf(free)).toBeGreaterThan(0n)
    expect(await usdcOf(blocked)).toBe(before)
    await blacklist(false)
    expect(await round(keeper)).toEqual({ pushed: 1, refused: 0, failed: 0, held: null })
    expect(await usdcOf(blocked)).toBeGreaterThan(before)
  })

  it('is paid once by two keepers', async () => {
    await earn(WEEK)
    const other = 8
    const keepers = [await boot(), await harness.boot({}, other)]
    const due = (await earned(1)) + (await earned(2))
    const before = (await usdcOf(RECIPIENTS[0]!)) + (await usdcOf(RECIPIENTS[1]!))
    await Promise.all(keepers.map(round))
    expect((await usdcOf(RECIPIENTS[0]!)) + (await usdcOf(RECIPIENTS[1]!)) - before).toBe(due)
  })
})

describe('the plan', () => {
  const price = { weiPerGas: 30n * 10n ** 9n, coinUsdc: 500_000n }
  const limits = { gasCapBps: 200n, batchSize: 2 }
  const rich = (node: number, earnedBy: bigint, pushedAt = 0) => ({ node, earned: earnedBy, pushedAt })

  it('pays what is due to the second, richest first, in bounded batches', () => {
    const at = 10 * PUSH_INTERVAL
    const nodes = [rich(1, 5_000_000n), rich(2, 9_000_000n), rich(3, 5_000_000n, at - PUSH_INTERVAL)]
    expect(planPayouts([...nodes, rich(4, 8_000_000n, at - PUSH_INTERVAL + 1)], at, price, limits)).toEqual([
      { nodes: [2, 1], moves: 14_000_000n },
      { nodes: [3], moves: 5_000_000n },
    ])
  })

  it('leaves what its gas would eat', () => {
    // 110,000 gas at 30 gwei and half a dollar a coin: 1650 µUSDC; two percent of 82,500 are just that.
    expect(planPayouts([rich(1, 82_500n)], PUSH_INTERVAL, price, limits)).toHaveLength(1)
    expect(planPayouts([rich(1, 82_499n)], PUSH_INTERVAL, price, limits)).toEqual([])
    expect(planPayouts([rich(1, 0n)], PUSH_INTERVAL, { ...price, weiPerGas: 0n }, limits)).toEqual([])
  })
})
