import { downtimeQuorumAbi, due, leaseEscrowAbi } from '@decloud/protocol'
import { slotAt } from '@decloud/protocol/wire/heartbeat'
import { type Hex, toHex } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { AGENT, OPERATOR, TENANT } from '../../chain/test/local.ts'
import { boundaryAt } from '../src/domain/downtime.ts'
import type { Keeper } from '../src/index.ts'
import { makeAttesters, nowSeconds, startPastLocal, writePast } from './attesters.ts'
import { type Harness, makeHarness, until } from './harness.ts'

const HOUR = 3_600
let local: Awaited<ReturnType<typeof startPastLocal>>
let harness: Harness
let attesters: ReturnType<typeof makeAttesters>

/** One lease on each of three nodes: running for hours now. */
const HOLD_BACKS = [HOUR, 24 * HOUR, HOUR]
const leases: Hex[] = []

beforeAll(async () => {
  local = await startPastLocal(6 * HOUR)
  await local.fund(TENANT, 1_000_000_000n)
  for (const [i, holdBack] of HOLD_BACKS.entries()) {
    const node = await local.register()
    const agent = i === 0 ? AGENT : 100 + node
    await local.anvil.client.setBalance({ address: local.anvil.account(agent).address, value: 10n ** 18n })
    const leaseId = await local.open(TENANT, node, { holdBack, deposit: 10_000_000n })
    await local.escrow(agent, 'activate', [leaseId, toHex(7, { size: 32 })])
    leases.push(leaseId)
  }
  await local.catchUp()
})
afterAll(() => local?.stop())
beforeEach(async () => {
  harness = await makeHarness(local)
  attesters = makeAttesters(local, harness)
})
afterEach(async () => {
  await attesters.close()
  await harness.close()
})

const escrow = { abi: leaseEscrowAbi } as const
const votes = async (leaseId: Hex) =>
  (
    await local.anvil.client.getContractEvents({
      ...{ address: local.deployment.downtimeQuorum, abi: downtimeQuorumAbi, fromBlock: 0n },
      eventName: 'CreditVoted',
      args: { leaseId },
    })
  ).map(({ args }) => args.duration)
const credits = async (leaseId: Hex) =>
  (
    await local.anvil.client.getContractEvents({
      ...{ ...escrow, address: local.deployment.leaseEscrow, fromBlock: 0n },
      eventName: 'LeaseCredited',
      args: { leaseId },
    })
  ).map(({ args }) => args.duration)

const round = async (keeper: Keeper) => {
  await keeper.synced()
  let result = await keeper.heartbeats.credit()
  await until(async () => {
    if (result?.skipped === false) return true
    result = await keeper.heartbeats.credit()
    return false
  }, 'a round')
  return result!
}

/** The node was silent from `from` to `to`, unix seconds, and this attester heard all but that. */
const heardAllBut = (nth: number, node: number, from: number, to: number) => {
  const dataDir = harness.freshFolder()
  const silent = (one: number, slot: number) => one === node && slot >= slotAt(from) && slot < slotAt(to)
  writePast(dataDir, { from: nowSeconds() - 5 * HOUR, to: nowSeconds(), nodes: [1, 2, 3], silent })
  return attesters.boot(nth, dataDir)
}

describe('two attesters who heard slightly different things', () => {
  it('agree on what both can vouch for; it is given back to the unit, once', async () => {
    const leaseId = leases[0]!
    const boundary = boundaryAt(nowSeconds(), HOUR)
    const [from, to] = [boundary - 2_700, boundary - 300]
    const [a, b, c] = [
      await heardAllBut(0, 1, from, to),
      // A last beat reached this one alone.
      await heardAllBut(1, 1, from + 15, to),
      // And this one heard the node all the time.
      await heardAllBut(2, 1, to, to),
    ]
    for (const keeper of [a, b, c, a, b, c, a, b, c]) await round(keeper)
    expect(await votes(leaseId)).toEqual([2_400, 2_340, 2_340])
    expect(await credits(leaseId)).toEqual([2_340])
    const lease = await local.leaseOf(leaseId)
    expect(lease.credited).toBe(2_340)
    // Nothing of it is claimed again, by whoever starts anew.
    const again = await heardAllBut(0, 1, from, to)
    for (let i = 0; i < 3; i++) expect(await round(again)).toMatchObject({ voted: 0, failed: 0 })
    expect(await votes(leases[1]!)).toEqual([])

    const { address } = local.anvil.account(TENANT)
    await local.escrow(TENANT, 'close', [leaseId, address])
    const closed = await local.leaseOf(leaseId)
    const { endedAt, startedAt, pricePerHour, deposited } = closed
    const bill = (pricePerHour * BigInt(endedAt - startedAt - 2_340)) / 3_600n
    const view = a.ledger.lease(leaseId)!
    await a.synced()
    expect(due({ ...view, endedAt, endReason: 'ClosedByTenant', credited: 2_340 }, endedAt)).toBe(bill)
    const [ended] = await local.anvil.client.getContractEvents({
      ...{ ...escrow, address: local.deployment.leaseEscrow, fromBlock: 0n },
      eventName: 'LeaseEnded',
      args: { leaseId },
    })
    expect(ended!.args.refunded).toBe(deposited - bill)
  })

  it('give back the outage that made the tenant close', async () => {
    const leaseId = leases[1]!
    const { address } = local.anvil.account(TENANT)
    await local.escrow(TENANT, 'close', [leaseId, address])
    const { endedAt } = await local.leaseOf(leaseId)
    const step = boundaryAt(nowSeconds(), 24 * HOUR)
    const from = step - 1_800
    // The node is still away: only what lies before the boundary and before the end counts.
    const [a, b] = [await heardAllBut(0, 2, from, nowSeconds()), await heardAllBut(1, 2, from, nowSeconds())]
    expect(endedAt).toBeGreaterThan(step)
    const before = await local.anvil.client.readContract({
      ...{ ...escrow, address: local.deployment.leaseEscrow, functionName: 'balanceOf', args: [address] },
    })
    // An hour's boundary and a day to claim: nothing presses while the outage goes on.
    for (const keeper of [a, b]) expect(await round(keeper)).toMatchObject({ voted: 0 })
    await attesters.close()
    const [c, d] = [await heardAllBut(0, 2, from, step - 60), await heardAllBut(1, 2, from, step - 60)]
    for (const keeper of [c, d]) expect(await round(keeper)).toMatchObject({ voted: 1, failed: 0 })
    expect(await credits(leaseId)).toEqual([1_740])
    const { pricePerHour } = await local.leaseOf(leaseId)
    const after = await local.anvil.client.readContract({
      ...{ ...escrow, address: local.deployment.leaseEscrow, functionName: 'balanceOf', args: [address] },
    })
    const given = after - before
    const exact = (pricePerHour * 1_740n) / 3_600n
    expect([exact, exact + 1n]).toContain(given)
  })

  it('take into account what the operator gave back itself', async () => {
    const leaseId = leases[2]!
    const boundary = boundaryAt(nowSeconds(), HOUR)
    const [from, to] = [boundary - 1_500, boundary - 300]
    await local.escrow(OPERATOR, 'credit', [leaseId, 900])
    const a = await heardAllBut(0, 3, from, to)
    const b = await heardAllBut(1, 3, from, to)
    for (const keeper of [a, b]) expect(await round(keeper)).toMatchObject({ voted: 1 })
    expect(await credits(leaseId)).toEqual([900, 300])
  })
})

describe('a keeper that is no attester', () => {
  it('votes for nothing', async () => {
    const keeper = await harness.boot()
    expect(await round(keeper)).toEqual({ voted: 0, failed: 0, skipped: false })
  })
})
