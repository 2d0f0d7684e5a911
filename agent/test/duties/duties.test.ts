// The duties of a real agent on a real chain, one at a time. No keeper is there.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { openDatabase } from '@decloud/chain'
import { HEAD_START, leaseEscrowAbi } from '@decloud/protocol'
import { type Hex, toHex } from 'viem'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { closeLease, openLease, quote } from '../../../scripts/lib/tenant.ts'
import { billOf } from '../../../scripts/lib/tenant-view.ts'
import type { Agent } from '../../src/main.ts'
import { type Bench, chainStatus, MANIFEST, makeBench, SMALL_VM, until } from '../helpers/node.ts'
import { makeRpcSwitch } from '../helpers/rpc-switch.ts'
import { entrust, eventsOf, eventually, leaseOf } from './helpers.ts'
import { environmentOf } from './process.ts'

let bench: Bench
/** Added to the agent's own clock. */
let aheadMs = 0
const clock = { nowMs: () => Date.now() + aheadMs, dutiesMs: 100 }
const FREE_GAS = { gasCoinUsdc: 0n, minSettleUsdc: 1n }

beforeEach(async () => {
  aheadMs = 0
  bench = await makeBench({ faults: { bootMs: 50 } })
})
afterEach(() => bench?.close())

const duty = (agent: Agent, name: 'claim' | 'upkeep' | 'credit' | 'reclaim') => async () =>
  (await agent.health()).duties[name]
const running = (agent: Agent, leaseId: Hex) => until(agent, leaseId, (vm) => vm.status === 'Running')
const untargeted = () =>
  openLease(bench.tenant, {
    ...{ node: bench.registered.node, untargeted: true, resources: SMALL_VM, manifest: MANIFEST, hours: 4 },
  })

describe('a request without a node', () => {
  it('is claimed once the scheduler has had its minute, and brought up', async () => {
    const agent = await bench.start(clock)
    const { leaseId } = await untargeted()
    const [opened] = await bench.anvil.client.getContractEvents({
      ...{
        address: bench.deployment.leaseEscrow,
        abi: leaseEscrowAbi,
        eventName: 'LeaseRequested',
        args: { leaseId },
      },
      fromBlock: 0n,
    })
    await bench.anvil.moveTime(HEAD_START - 10)
    await bench.anvil.moveTime(50)
    await running(agent, leaseId)
    const [assigned] = await eventsOf(bench, 'LeaseAssigned', leaseId)
    const timeOf = async (blockNumber: bigint) =>
      (await bench.anvil.client.getBlock({ blockNumber })).timestamp
    const waited = (await timeOf(assigned!.blockNumber)) - (await timeOf(opened!.blockNumber!))
    expect(waited).toBeGreaterThanOrEqual(BigInt(HEAD_START))
    expect(await duty(agent, 'claim')()).toMatchObject({ held: null, done: 1 })
  })

  it('is left where the operator wants no such guests', async () => {
    const agent = await bench.start(clock, { claims: false })
    const { leaseId } = await untargeted()
    await bench.anvil.moveTime(120)
    await eventually(duty(agent, 'claim'), ({ held }) => held === 'off')
    const other = await bench.open()
    await running(agent, other)
    expect(await chainStatus(bench, leaseId)).toBe('Requested')
  })

  it('is claimed by an agent that was down when it came, and not by one without gas', async () => {
    const { leaseId } = await untargeted()
    await bench.anvil.moveTime(120)
    const address = bench.anvil.account(bench.registered.agent).address
    await bench.anvil.client.setBalance({ address, value: 1n })
    const agent = await bench.start(clock)
    await eventually(duty(agent, 'claim'), ({ held }) => held === 'gas-funds')
    expect(await chainStatus(bench, leaseId)).toBe('Requested')
    await bench.anvil.client.setBalance({ address, value: 10n ** 18n })
    await running(agent, leaseId)
  })
})

/** As the agent wrote them down. */
const outages = () => {
  const db = openDatabase(join(bench.config.dataDir, 'agent.db'))
  try {
    return db.prepare('SELECT fromMs, toMs FROM outages').all() as { fromMs: number; toMs: number | null }[]
  } finally {
    db.close()
  }
}

describe('downtime', () => {
  it('is given back once it has come together, once, and only by whom the payee lets', async () => {
    const agent = await bench.start(clock)
    const leaseId = await bench.open({ hours: 4 })
    await running(agent, leaseId)
    await bench.anvil.moveTime(3_000)
    let known = 0
    const outageOver = async () => {
      const all = await eventually(
        outages,
        (list) => list.length > known && list.every(({ toMs }) => toMs !== null),
      )
      known = all.length
    }
    bench.machine.crash(bench.instance, leaseId)
    await outageOver()
    aheadMs += 1_801_000
    await eventually(duty(agent, 'credit'), ({ held }) => held === 'not-operator')
    expect(await eventsOf(bench, 'LeaseCredited', leaseId)).toEqual([])

    await entrust(bench)
    const [first] = await eventually(
      () => eventsOf(bench, 'LeaseCredited', leaseId),
      (events) => events.length > 0,
    )
    const { credited } = await leaseOf(bench, leaseId)
    // As long as it was off: a few seconds, and not the half hour that its clock was set ahead by.
    expect(credited).toBeGreaterThan(0)
    expect(credited).toBeLessThan(30)
    expect(first!.args.duration).toBe(credited)

    // Another outage is another credit; the first is not given again with it.
    bench.machine.crash(bench.instance, leaseId)
    await outageOver()
    aheadMs += 1_801_000
    const both = await eventually(
      () => eventsOf(bench, 'LeaseCredited', leaseId),
      (events) => events.length > 1,
    )
    expect(both).toHaveLength(2)
    const after = (await leaseOf(bench, leaseId)).credited
    expect(after - credited).toBeLessThan(30)
    await eventually(duty(agent, 'credit'), ({ done, error }) => done === 2 && error === null)
    await closeLease(bench.tenant, leaseId)
    const bill = await billOf(bench.tenant, leaseId)
    expect(bill.difference).toBe(0n)
  })
})

describe('settling', () => {
  it('is worth its gas or is not done, and not done more often than the operator wants', async () => {
    const agent = await bench.start(clock, { ...FREE_GAS, settleEverySeconds: 600 })
    const leaseId = await bench.open({ hours: 4, holdBack: 0 })
    await running(agent, leaseId)
    await bench.anvil.moveTime(1_000)
    await eventually(
      () => leaseOf(bench, leaseId),
      ({ settled }) => settled > 0n,
    )
    const { settled } = await leaseOf(bench, leaseId)
    expect(settled).toBeGreaterThan((await quote(bench.tenant, bench.registered.node, SMALL_VM)) / 4n)

    await agent.close()
    await bench.anvil.moveTime(1_000)
    const again = await bench.start(clock, { ...FREE_GAS, settleEverySeconds: 600 })
    // A round has looked at it, and left it for later.
    const other = await bench.open({ hours: 1, holdBack: 0 })
    await running(again, other)
    expect((await leaseOf(bench, leaseId)).settled).toBe(settled)
    aheadMs += 600_000
    await eventually(
      () => leaseOf(bench, leaseId),
      (lease) => lease.settled > settled,
    )
    expect(await eventsOf(bench, 'LeaseSettled', leaseId)).toHaveLength(2)

    // Dear gas: what has vested since waits.
    await again.close()
    const thrifty = await bench.start(clock, { ...FREE_GAS, gasCoinUsdc: 10n ** 15n, settleEverySeconds: 60 })
    aheadMs += 600_000
    await bench.anvil.moveTime(1_000)
    const third = await bench.open({ hours: 1, holdBack: 0 })
    await running(thrifty, third)
    expect(await eventsOf(bench, 'LeaseSettled', leaseId)).toHaveLength(2)
  })

  it('comes with the end of what has been depleted for too long', async () => {
    const agent = await bench.start(clock, FREE_GAS)
    const price = await quote(bench.tenant, bench.registered.node, SMALL_VM)
    const leaseId = await bench.open({ deposit: price / 10n, holdBack: 0 })
    await running(agent, leaseId)
    await bench.anvil.moveTime(600)
    await until(agent, leaseId, (vm) => vm.status === 'Stopped')
    expect(await chainStatus(bench, leaseId)).toBe('Active')
    await bench.anvil.moveTime(72 * 3_600)
    await until(agent, leaseId, (vm) => vm.status === 'Deleted')
    const lease = await leaseOf(bench, leaseId)
    expect([lease.endReason, lease.settled]).toEqual([3, lease.deposited])
  })
})

describe('while the chain cannot be seen', () => {
  it('nothing is sent, and it is done when it can be again', async () => {
    const rpc = await makeRpcSwitch(bench.anvil.rpcUrl)
    try {
      const agent = await bench.start(clock, { rpcUrls: [rpc.url] })
      const { leaseId } = await untargeted()
      rpc.cut()
      await bench.anvil.moveTime(120)
      await eventually(duty(agent, 'claim'), ({ held, error }) => held === 'feed' || error !== null, 60_000)
      expect(await chainStatus(bench, leaseId)).toBe('Requested')
      rpc.restore()
      await eventually(
        () => chainStatus(bench, leaseId),
        (status) => status === 'Active',
        60_000,
      )
      expect(await eventsOf(bench, 'LeaseAssigned', leaseId)).toHaveLength(1)
    } finally {
      await rpc.close()
    }
  })
})

describe('a lease that the operator wants back', () => {
  const CLI = new URL('../../src/cli/main.ts', import.meta.url).pathname
  const node = async (args: string[], extra: Record<string, string> = {}) => {
    const env = { ...(await environmentOf(bench, bench.config.dataDir)), ...extra }
    return new Promise<{ code: number; out: Record<string, unknown>; stderr: string }>((resolve) =>
      execFile(
        process.execPath,
        [CLI, ...args, '--json'],
        { env, timeout: 60_000 },
        (error, stdout, stderr) =>
          resolve({
            code: error === null ? 0 : Number(error.code ?? Number.NaN),
            out: stdout === '' ? {} : JSON.parse(stdout),
            stderr,
          }),
      ),
    )
  }
  const operator = () => ({
    DECLOUD_OPERATOR_KEY: toHex(bench.anvil.account(bench.registered.operator).getHdKey().privateKey!),
  })

  it('gets notice from its operator, and ends at the operator’s word when that is over', async () => {
    const agent = await bench.start(clock)
    const leaseId = await bench.open({ hours: 48 })
    await running(agent, leaseId)
    const unsigned = await node(['reclaim', leaseId, '--reason', 'moving house'])
    expect(unsigned).toMatchObject({ code: 1, stderr: expect.stringContaining('entrust') })
    const long = await node(['reclaim', leaseId, '--reason', 'x'.repeat(33)])
    expect(long).toMatchObject({ code: 2, stderr: expect.stringContaining('32 bytes') })

    const ask = () => node(['reclaim', leaseId, '--reason', 'moving house'], operator())
    expect(await ask()).toMatchObject({ code: 0, out: { step: 'notice' } })
    const [notice] = await eventsOf(bench, 'ReclaimStarted', leaseId)
    expect(notice!.args.reason).toBe(toHex('moving house', { size: 32 }))
    expect(await ask()).toMatchObject({
      code: 0,
      out: { step: 'wait', reclaimAt: Number(notice!.args.reclaimAt) },
    })
    await bench.anvil.moveTime(86_400)
    expect(await ask()).toMatchObject({ code: 0, out: { step: 'reclaim' } })
    expect((await leaseOf(bench, leaseId)).endReason).toBe(2)
    await until(agent, leaseId, (vm) => vm.status === 'Deleted')
    expect(await ask()).toMatchObject({ code: 1, stderr: expect.stringContaining('Ended') })
  })

  it('is seen through by the agent that was entrusted with it, over a restart, unless it may stay', async () => {
    const agent = await bench.start(clock)
    const leaseId = await bench.open({ hours: 48 })
    const kept = await bench.open({ hours: 48 })
    await running(agent, leaseId)
    await running(agent, kept)
    expect(await node(['entrust'], operator())).toMatchObject({ code: 0 })
    for (const id of [leaseId, kept]) {
      const asked = await node(['reclaim', id, '--reason', 'old disk'])
      expect(asked).toMatchObject({ code: 0, out: { step: 'asked' } })
      await eventually(
        () => eventsOf(bench, 'ReclaimStarted', id),
        (events) => events.length === 1,
      )
    }
    await agent.close()
    expect(await node(['reclaim', kept, '--withdraw'])).toMatchObject({ code: 0, out: { withdrawn: true } })
    await bench.anvil.moveTime(86_400)
    const again = await bench.start(clock)
    await until(again, leaseId, (vm) => vm.status === 'Deleted', 60_000)
    const [ended] = await eventsOf(bench, 'LeaseEnded', leaseId)
    expect(ended!.args.reason).toBe(2)
    expect(await chainStatus(bench, kept)).toBe('Active')
    expect(await eventsOf(bench, 'ReclaimStarted', leaseId)).toHaveLength(1)
    // The word is gone with the lease.
    expect(await node(['reclaim', leaseId, '--withdraw'])).toMatchObject({
      code: 1,
      out: { withdrawn: false },
    })
  })
})
