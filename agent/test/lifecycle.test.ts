import { leaseStatusSchema } from '@decloud/protocol/wire/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { closeLease } from '../../scripts/lib/tenant.ts'
import { billOf, waitActive } from '../../scripts/lib/tenant-view.ts'
import { type Bench, chainStatus, makeBench, until } from './helpers/node.ts'

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

    const response = await fetch(`${agent.url}/v1/leases/${leaseId}`)
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(leaseStatusSchema.parse(await response.json()).vm.status).toBe('Running')

    await closeLease(bench.tenant, leaseId)
    expect(await chainStatus(bench, leaseId)).toBe('Ended')
    const gone = await until(agent, leaseId, (vm) => vm.status === 'Deleted')
    expect(gone.endConfirmedMs).not.toBeNull()
    expect(bench.machine.find(bench.instance, leaseId)).toBeUndefined()
    const bill = await billOf(bench.tenant, leaseId)
    expect(bill.difference).toBe(0n)
    expect(bill.bill + bill.refund).toBe(bill.deposited)
    await agent.close()
  })
})
