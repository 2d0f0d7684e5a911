// Probe guests on a simulated machine: the trap, deadlines, and what a killed probe has left.
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { probeFactsSchema } from '@decloud/protocol/wire/facts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { whyNotKvm, whyNotProven } from '../../src/domain/probe.ts'
import { makeFakeHypervisor } from '../../src/hypervisor/fake/driver.ts'
import { SimulatedMachine } from '../../src/hypervisor/fake/machine.ts'
import type { AccelerationChoice } from '../../src/hypervisor/libvirt/kvm.ts'
import {
  makeSimulatedDiskStore,
  makeSimulatedImageStore,
  makeSimulatedSeedStore,
} from '../../src/lib/simulated-storage.ts'
import type { DomainSpec, Hypervisor } from '../../src/ports/hypervisor.ts'
import { sweepProbe } from '../../src/probe/clean.ts'
import { probeNames } from '../../src/probe/names.ts'
import { type ProbeOptions, probeNode } from '../../src/probe/probe.ts'

let dataDir: string
let machine: SimulatedMachine
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'decloud-probe-'))
  machine = new SimulatedMachine({})
})
afterEach(() => rm(dataDir, { recursive: true, force: true }))

/** The simulated machine, said to run its guests under this. */
const as = (hypervisor: Hypervisor, acceleration: 'kvm' | 'tcg' | 'simulated'): Hypervisor =>
  new Proxy(hypervisor, {
    get: (target, name) => {
      if (name === 'capabilities') return { ...target.capabilities, acceleration }
      const found: unknown = Reflect.get(target, name)
      return typeof found === 'function' ? found.bind(target) : found
    },
  })

type Shown = 'kvm' | 'tcg' | 'simulated'
const probe = (
  shown: Shown,
  options: Partial<ProbeOptions> & { trap?: boolean; on?: (spec: DomainSpec) => void } = {},
) => {
  const asked: AccelerationChoice[] = []
  const said: string[] = []
  const { trap = false, on, ...rest } = options
  const run = probeNode(
    {
      dataDir,
      open: async (instance, choice) => {
        asked.push(choice)
        const acceleration = choice === 'auto' ? shown : choice
        // Under the trap guests start, say that they run, and never answer.
        machine.faults.agentNever = trap && acceleration === 'kvm'
        const hypervisor = as(makeFakeHypervisor(machine, instance), acceleration)
        if (on === undefined) return hypervisor
        const define: Hypervisor['define'] = async (spec) => {
          await hypervisor.define(spec)
          on(spec)
        }
        return new Proxy(hypervisor, {
          get: (target, name) => (name === 'define' ? define : Reflect.get(target, name)),
        })
      },
      image: () => makeSimulatedImageStore().ensure('tiny'),
      storage: (_, folder) => ({
        disks: makeSimulatedDiskStore(join(folder, 'disks')),
        seeds: makeSimulatedSeedStore(join(folder, 'seeds')),
      }),
      nowMs: () => 1_700_000_000_000,
      say: (line) => said.push(line),
    },
    { acceleration: 'auto', deadlineMs: 10_000, signal: new AbortController().signal, ...rest },
  )
  return { run, asked, said }
}
const expectNothingLeft = () => {
  expect(machine.state).toEqual({ domains: [], networks: [] })
  expect(existsSync(probeNames(dataDir).folder)).toBe(false)
}

describe('a probe', () => {
  it('passes when the guest is ready, and leaves nothing', async () => {
    const { run, asked } = probe('kvm')
    const found = probeFactsSchema.parse(await run)
    expect(found).toMatchObject({
      ...{ takenAt: 1_700_000_000, outcome: 'passed', acceleration: 'kvm', kvm: 'boots', image: 'tiny' },
      secondsToReady: expect.any(Number),
    })
    expect(whyNotKvm(found)).toBeNull()
    expect(asked).toEqual(['auto'])
    expectNothingLeft()
  })

  it('under KVM that never boots falls back, says so, and the node believes it', async () => {
    const { run, asked } = probe('kvm', { trap: true, deadlineMs: 700 })
    const found = probeFactsSchema.parse(await run)
    expect(found).toMatchObject({ outcome: 'passed', acceleration: 'tcg', kvm: 'never-boots' })
    expect(found.message).toMatch(
      /KVM is shown here, but a guest under it did not boot.*DECLOUD_ACCELERATION=kvm/,
    )
    expect(whyNotKvm(found)).toMatch(/^TCG, as .*DECLOUD_ACCELERATION=kvm/)
    expect(asked).toEqual(['auto', 'tcg'])
    expectNothingLeft()
  })

  it('does not fall back when the operator insists', async () => {
    const { run, asked } = probe('kvm', { trap: true, acceleration: 'kvm', deadlineMs: 700 })
    expect(await run).toMatchObject({
      outcome: 'failed',
      acceleration: null,
      kvm: 'never-boots',
      secondsToReady: null,
    })
    expect(asked).toEqual(['kvm'])
    expectNothingLeft()
  })

  it('that fails without KVM too says why', async () => {
    machine.faults.cloudInitErrors = ['no datasource']
    const { run } = probe('tcg')
    expect(await run).toMatchObject({
      outcome: 'failed',
      kvm: 'not-tried',
      message: expect.stringContaining('no datasource'),
    })
    expectNothingLeft()
  })

  it('on a simulated machine is marked as such, and vouches for no image', async () => {
    const { run } = probe('simulated')
    expect(await run).toMatchObject({ outcome: 'simulated', acceleration: null, imageSha256: null })
    expectNothingLeft()
  })

  it('that cannot set up a guest at all proves nothing either way', async () => {
    machine.faults.startFails = true
    await expect(probe('kvm').run).rejects.toMatchObject({ code: 'probe-impossible' })
    expectNothingLeft()
  })

  it('that is broken off cleans up first', async () => {
    machine.faults.bootMs = 60_000
    const abort = new AbortController()
    const { run } = probe('tcg', { signal: abort.signal, on: () => setTimeout(() => abort.abort(), 50) })
    await expect(run).rejects.toMatchObject({ name: 'AbortError' })
    expectNothingLeft()
  })

  it('runs once at a time', async () => {
    machine.faults.bootMs = 1_000
    // Whichever of the two comes first.
    const both = await Promise.allSettled([probe('tcg').run, probe('tcg').run])
    expect(both.sort((a, b) => a.status.localeCompare(b.status))).toMatchObject([
      { status: 'fulfilled', value: { outcome: 'passed' } },
      { status: 'rejected', reason: { code: 'probe-busy' } },
    ])
  })

  describe('that was killed', () => {
    /** As a process leaves it that gets no chance to clean up; a guest of somebody else stands beside. */
    const leave = async () => {
      const { instance, network, folder } = probeNames(dataDir)
      const spec = (leaseId: `0x${string}`, name: string): DomainSpec => ({
        ...{
          leaseId,
          generation: 1,
          specHash: '0x01',
          vcpus: 1,
          memoryMiB: 256,
          seedPath: '/s',
          diskPath: '/d',
        },
        ...{ baseDiskPath: '/b', boot: { kind: 'firmware', firmware: 'bios' } },
        network: { name, mac: '52:54:00:00:00:01' },
      })
      await mkdir(join(folder, 'disks'), { recursive: true })
      await writeFile(join(folder, 'disks/x.qcow2'), 'half')
      const [own, other] = [makeFakeHypervisor(machine, instance), makeFakeHypervisor(machine, 'nabcdef')]
      await own.ensureNetwork({ name: network, subnet: '172.31.9.248/29', mode: 'isolated' })
      await other.ensureNetwork({ name: 'decloud', subnet: '10.77.0.0/24', mode: 'nat' })
      for (const [hypervisor, id, name] of [
        [own, '0x0a', network],
        [other, '0x0b', 'decloud'],
      ] as const) {
        await hypervisor.define(spec(id, name))
        await hypervisor.start(id)
      }
      return other
    }
    const expectOthersOnly = async (other: Hypervisor) => {
      expect(await other.list()).toMatchObject([{ leaseId: '0x0b', state: 'running' }])
      expect(machine.state.domains).toHaveLength(1)
      expect(machine.state.networks.map(({ spec }) => spec.name)).toEqual(['decloud'])
      expect(existsSync(probeNames(dataDir).folder)).toBe(false)
    }

    it('is cleaned up after by the next one', async () => {
      const other = await leave()
      const { run, said } = probe('tcg')
      expect(await run).toMatchObject({ outcome: 'passed' })
      expect(said[0]).toMatch(/removed 1 guest/)
      await expectOthersOnly(other)
    })
    it('is cleaned up after when the agent starts', async () => {
      const other = await leave()
      expect(await sweepProbe(dataDir, async (instance) => makeFakeHypervisor(machine, instance))).toBe(1)
      await expectOthersOnly(other)
    })
    it('stays a task while the hypervisor does not answer', async () => {
      await leave()
      machine.faults.connectionLost = true
      const open = async (instance: string) => makeFakeHypervisor(machine, instance)
      await expect(sweepProbe(dataDir, open)).rejects.toThrow()
      machine.faults.connectionLost = false
      expect(await sweepProbe(dataDir, open)).toBe(1)
    })
    it('is not looked for where there was none', async () => {
      const open = () => Promise.reject(new Error('nobody should ask'))
      expect(await sweepProbe(dataDir, open)).toBeNull()
    })
  })
})

describe('what a probe speaks for', () => {
  const now = 1_700_000_000
  const passed = probeFactsSchema.parse({
    ...{ takenAt: now, outcome: 'passed', acceleration: 'tcg', kvm: 'not-tried', image: 'tiny' },
    ...{ imageSha256: null, secondsToReady: 4, message: 'A guest was ready.' },
  })
  const day = 86_400
  it.each([
    [null, false, 'probe-missing'],
    [passed, false, undefined],
    [{ ...passed, takenAt: now - 7 * day }, false, undefined],
    [{ ...passed, takenAt: now - 7 * day - 1 }, false, 'probe-stale'],
    [{ ...passed, takenAt: now + 301 }, false, 'probe-stale'],
    [{ ...passed, outcome: 'failed' as const }, true, 'probe-failed'],
    [{ ...passed, outcome: 'simulated' as const }, false, 'probe-simulated'],
    [{ ...passed, outcome: 'simulated' as const }, true, undefined],
  ])('%o, development chain %s: %s', (found, isDevelopment, code) => {
    expect(whyNotProven(found, now, isDevelopment)?.code).toBe(code)
  })
})
