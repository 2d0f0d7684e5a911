// Readiness through the real agent on a real chain; the guests are simulated, what goes wrong in them is set by each test.
import type { Manifest, Service } from '@decloud/protocol'
import type { Hex } from 'viem'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { closeLease } from '../../scripts/lib/tenant.ts'
import { billOf, reportOf } from '../../scripts/lib/tenant-view.ts'
import { servicesOf } from '../src/beats/beat.ts'
import type { Agent } from '../src/main.ts'
import { type Bench, chainStatus, MANIFEST, makeBench, until } from './helpers/node.ts'

let bench: Bench
let agent: Agent
/** Added to the clock of the agent: time-outs pass without waiting. */
let aheadMs = 0
const options = { nowMs: () => Date.now() + aheadMs }

beforeAll(async () => {
  bench = await makeBench({ faults: { bootMs: 100 } })
  agent = await bench.start(options)
})
afterAll(() => bench?.close())
beforeEach(() => {
  bench.machine.faults.services = {}
  bench.machine.faults.cloudInitErrors = []
})

const WEB: Service = { name: 'web', port: 8080, protocol: 'http' }
const DB: Service = { name: 'db', port: 5432, protocol: 'tcp' }
const serving = (...services: Service[]): Manifest => ({ ...MANIFEST, services })

const readinessOf = async (leaseId: Hex) => {
  const report = await reportOf(bench.tenant, agent.url, leaseId)
  return report?.readiness ?? []
}
const service = (name: string, state: string) => (vm: NonNullable<ReturnType<Agent['vm']>>) =>
  vm.services.find((each) => each.name === name)?.state === state

describe('services of a guest', () => {
  it('are Ready after the guest, and shown by name; billing does not wait for them', async () => {
    const leaseId = await bench.open({
      manifest: serving(WEB, DB, { name: 'dns', port: 53, protocol: 'udp' }),
    })
    await until(
      agent,
      leaseId,
      (vm) => vm.services.length === 3 && vm.services.every(({ state }) => state === 'Ready'),
    )
    expect(await chainStatus(bench, leaseId)).toBe('Active')
    expect((await readinessOf(leaseId)).map(({ name, state }) => `${name} ${state}`)).toEqual([
      'System Ready',
      'web Ready',
      'db Ready',
      'dns Ready',
    ])
    expect(servicesOf([agent.vm(leaseId)!]).leases).toEqual([{ leaseId, state: 'Ready' }])
    await closeLease(bench.tenant, leaseId)
    await until(agent, leaseId, (vm) => vm.status === 'Deleted')
  })

  it('that are broken are billed, shown TimedOut with the last look, and recover', async () => {
    bench.machine.faults.services = { 8080: 502 }
    const leaseId = await bench.open({ manifest: serving({ ...WEB, check: { timeoutSeconds: 30 } }, DB) })
    const checking = await until(agent, leaseId, service('web', 'Checking'))
    expect(checking.services[0]?.message).toBe('/ answers 502, not 2xx')
    aheadMs += 31_000
    await until(agent, leaseId, service('web', 'TimedOut'))
    expect(await readinessOf(leaseId)).toEqual([
      { name: 'System', state: 'Ready', message: null },
      { name: 'web', state: 'TimedOut', message: '/ answers 502, not 2xx' },
      { name: 'db', state: 'Ready', message: null },
    ])
    expect(servicesOf([agent.vm(leaseId)!]).leases).toEqual([{ leaseId, state: 'TimedOut' }])
    expect(await chainStatus(bench, leaseId)).toBe('Active')

    bench.machine.faults.services = {}
    aheadMs += 61_000
    await until(agent, leaseId, service('web', 'Ready'))
    bench.machine.faults.services = { 8080: 0 }
    aheadMs += 61_000
    await until(agent, leaseId, service('web', 'Checking'))
    aheadMs += 31_000
    await until(agent, leaseId, service('web', 'Failed'))
    await closeLease(bench.tenant, leaseId)
    await until(agent, leaseId, (vm) => vm.status === 'Deleted')
    const bill = await billOf(bench.tenant, leaseId)
    expect(bill.bill).toBeGreaterThan(0n)
    expect(bill.difference).toBe(0n)
  })

  it('of a guest that starts again are looked at anew', async () => {
    const leaseId = await bench.open({ manifest: serving(WEB) })
    await until(agent, leaseId, service('web', 'Ready'))
    bench.machine.faults.services = { 8080: 0 }
    bench.machine.crash(bench.instance, leaseId)
    const again = await until(agent, leaseId, service('web', 'Checking'))
    // It has not been up since this start: the bad look of now is one of a service that never came.
    expect(again.services[0]).toMatchObject({ wasReady: false })
    await closeLease(bench.tenant, leaseId)
    await until(agent, leaseId, (vm) => vm.status === 'Deleted')
  })

  it('are known to an agent that was restarted', async () => {
    const leaseId = await bench.open({ manifest: serving(WEB) })
    const before = await until(agent, leaseId, service('web', 'Ready'))
    await agent.close()
    agent = await bench.start(options)
    expect(agent.vm(leaseId)).toMatchObject({ checks: before.checks, services: before.services })
    bench.machine.faults.services = { 8080: 0 }
    aheadMs += 61_000
    await until(agent, leaseId, service('web', 'Checking'))
    await closeLease(bench.tenant, leaseId)
    await until(agent, leaseId, (vm) => vm.status === 'Deleted')
  })
})

it('a guest whose cloud-init fails is never activated, whatever it serves, and costs nothing', async () => {
  bench.machine.faults.cloudInitErrors = ['runcmd exploded']
  const leaseId = await bench.open({ manifest: serving(WEB) })
  const refused = await until(agent, leaseId, (vm) => vm.refused)
  expect(refused.services).toMatchObject([{ name: 'web', state: 'Pending' }])
  expect((await readinessOf(leaseId))[0]).toMatchObject({ name: 'System', state: 'Failed' })
  expect(await chainStatus(bench, leaseId)).toBe('Assigned')
  await closeLease(bench.tenant, leaseId)
  const bill = await billOf(bench.tenant, leaseId)
  expect([bill.bill, bill.refund]).toEqual([0n, bill.deposited])
})
