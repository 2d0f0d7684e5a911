import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { closeLease, quote, topUpLease } from '../../scripts/lib/tenant.ts'
import { billOf, reportOf, waitActive } from '../../scripts/lib/tenant-view.ts'
import { LIMITS } from '../src/domain/situation.ts'
import { type Bench, chainStatus, makeBench, SMALL_VM, until } from './helpers/node.ts'

describe('a lease, from opening to the end', () => {
  let bench: Bench
  beforeAll(async () => {
    bench = await makeBench({ faults: { bootMs: 300 } })
  })
  afterAll(() => bench?.close())

  it('boots, activates, reports, closes, and sets the disk aside', async () => {
    const agent = await bench.start()
    const leaseId = await bench.open()
    const { report } = await waitActive(bench.tenant, leaseId, { endpoint: agent.url })
    expect(report?.ssh).not.toBeNull()
    const running = await until(agent, leaseId, (vm) => vm.status === 'Running')
    expect(running.facts?.sshHostKeyFingerprint).toBe(report?.ssh?.hostKeyFingerprint)

    expect((await reportOf(bench.tenant, agent.url, leaseId))?.vm.status).toBe('Running')

    await closeLease(bench.tenant, leaseId)
    expect(await chainStatus(bench, leaseId)).toBe('Ended')
    const gone = await until(agent, leaseId, (vm) => vm.status === 'Deleted')
    expect(gone.endConfirmedMs).not.toBeNull()
    const after = await reportOf(bench.tenant, agent.url, leaseId)
    expect(after?.vm.status, 'its tenant may look at what became of it').toBe('Deleted')
    expect(bench.machine.find(bench.instance, leaseId)).toBeUndefined()
    const bill = await billOf(bench.tenant, leaseId)
    expect(bill.difference).toBe(0n)
    expect(bill.bill + bill.refund).toBe(bill.deposited)
    await agent.close()
  })

  it('stops a depleted guest, keeps its disk, and resumes on a top-up of the same guest', async () => {
    const agent = await bench.start()
    const price = await quote(bench.tenant, bench.registered.node, SMALL_VM)
    const leaseId = await bench.open({ deposit: price / 10n })
    const running = await until(agent, leaseId, (vm) => vm.status === 'Running')
    await bench.anvil.moveTime(600)
    const stopped = await until(agent, leaseId, (vm) => vm.status === 'Stopped')
    expect(stopped.reason?.code).toBe('depleted')
    expect(bench.machine.find(bench.instance, leaseId)?.state).toBe('stopped')
    await topUpLease(bench.tenant, leaseId, price)
    const resumed = await until(agent, leaseId, (vm) => vm.status === 'Running')
    expect(resumed.facts?.sshHostKey).toBe(running.facts?.sshHostKey)
    expect(resumed.facts?.bootId).not.toBe(running.facts?.bootId)
    await closeLease(bench.tenant, leaseId)
    await until(agent, leaseId, (vm) => vm.status === 'Deleted')
    expect((await billOf(bench.tenant, leaseId)).difference).toBe(0n)
    await agent.close()
  })

  it('expires what it could not activate in time, so that the tenant is refunded without a keeper', async () => {
    bench.machine.faults.agentNever = true
    const agent = await bench.start({ limits: { ...LIMITS, expireAfterMs: 0 } })
    const leaseId = await bench.open({ activateWithin: 60 })
    await until(agent, leaseId, (vm) => vm.phase === 'Booting')
    await bench.anvil.moveTime(61)
    const gone = await until(agent, leaseId, (vm) => vm.status === 'Deleted')
    bench.machine.faults.agentNever = false
    expect(gone.facts).toBeNull()
    const bill = await billOf(bench.tenant, leaseId)
    expect(bill).toMatchObject({ bill: 0n, refund: bill.deposited })
    await agent.close()
  })
})
