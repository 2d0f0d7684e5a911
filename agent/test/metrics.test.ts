// The figures of a real agent with simulated guests, as Prometheus would read them.

import { leaseUsageSchema } from '@decloud/protocol/wire/node'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { sessionAt } from '../../scripts/lib/node-session.ts'
import { closeLease } from '../../scripts/lib/tenant.ts'
import { readOperatorToken } from '../src/access/operator-token.ts'
import { sampleUsage } from '../src/metrics/usage.ts'
import { HypervisorError } from '../src/ports/hypervisor.ts'
import { type Bench, makeBench, until } from './helpers/node.ts'

describe('the figures of a node', { timeout: 120_000 }, () => {
  let bench: Bench
  beforeAll(async () => {
    bench = await makeBench()
  }, 60_000)
  afterAll(() => bench?.close())

  it('shows guests, capacity, steps, transactions and events; a guest that is gone leaves no series', async () => {
    const agent = await bench.start()
    const leaseId = await bench.open()
    await until(agent, leaseId, (vm) => vm.status === 'Running')
    await agent.usage.look()
    expect((await fetch(`${agent.url}/metrics`)).status).toBe(401)
    const authorization = `Bearer ${readOperatorToken(bench.config.dataDir)}`
    const scraped = await fetch(`${agent.url}/metrics`, { headers: { authorization } })
    expect(scraped.headers.get('content-type')).toContain('text/plain; version=0.0.4')
    const text = await scraped.text()
    const value = (name: string) => Number(new RegExp(`^decloud_node_${name} (\\S+)$`, 'm').exec(text)?.[1])
    const lease = `{lease="${leaseId}"}`
    expect(value(`guest_cpu_seconds_total${lease}`)).toBeGreaterThan(0)
    expect(value(`guest_memory_bytes${lease}`)).toBe(512 * 2 ** 19)
    expect(value('guests{status="Running"}')).toBe(1)
    expect(value('capacity_reserved{resource="memoryMiB"}')).toBe(512)
    expect(value('hypervisor_up')).toBe(1)
    expect(value('step_seconds_count{step="Define"}')).toBe(1)
    expect(value('journal_intents_total{kind="activate",outcome="mined"}')).toBe(1)
    expect(value('events_total{kind="lease.seen"}')).toBe(1)
    expect(value('feed_lag_blocks')).toBeLessThan(10)
    expect(text).toContain('process_resident_memory_bytes')
    await vi.waitFor(async () => expect(await agent.metrics()).toMatch(/gas_coins [01]/), {
      timeout: 20_000,
    })
    expect(await agent.metrics()).toContain('decloud_node_capacity{resource="memoryMiB"} 8192\n')

    const session = sessionAt(bench.tenant, agent.url, bench.config.node)
    const usage = async () => leaseUsageSchema.parse(await session.ask(`/v1/leases/${leaseId}/usage`))
    const used = await usage()
    expect(used).toMatchObject({ leaseId, memoryBytes: 512 * 2 ** 19, sampledAt: expect.any(Number) })
    expect(used.cpuSeconds).toBeGreaterThan(0)

    await closeLease(bench.tenant, leaseId)
    await until(agent, leaseId, (vm) => vm.status === 'Deleting')
    await vi.waitFor(
      async () => {
        await agent.usage.look()
        expect(agent.usage.of(leaseId)).toBeNull()
      },
      { timeout: 20_000 },
    )
    expect(await agent.metrics()).not.toContain('guest_cpu_seconds_total{')
    expect(await usage()).toMatchObject({ leaseId, cpuSeconds: null, disk: null, net: null })
    await agent.close()
  })

  it('counts failed steps by reason', async () => {
    bench.machine.faults.startFails = true
    const agent = await bench.start()
    const leaseId = await bench.open()
    await until(agent, leaseId, (vm) => vm.attempts >= 2)
    expect(await agent.metrics()).toMatch(
      /step_failures_total\{step="Start",code="hypervisor-refused"\} [2-9]/,
    )
    bench.machine.faults.startFails = false
    await agent.close()
  })

  it('shows nothing of guests rather than old figures while the hypervisor does not answer, and says so once', async () => {
    let answers = true
    const said: string[] = []
    const log = {
      info: () => {},
      error: () => {},
      warn: (_: object, message: string) => void said.push(message),
    }
    const one = { leaseId: '0xab', cpuSeconds: 1, memoryBytes: 1, disk: null, net: null } as const
    const stats = async () => {
      if (answers) return [one]
      throw new HypervisorError('unavailable', 'gone')
    }
    const usage = sampleUsage({ hypervisor: { stats }, log, nowMs: () => 5, everyMs: 3_600_000 })
    await usage.look()
    expect(usage.of('0xAB')).toEqual(one)
    answers = false
    await usage.look()
    await usage.look()
    expect([usage.all(), usage.of('0xab'), usage.sampledMs()]).toEqual([[], null, null])
    expect(said).toHaveLength(1)
    answers = true
    await usage.look()
    expect(usage.sampledMs()).toBe(5)
    await usage.close()
  })
})
