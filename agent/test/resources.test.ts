// Limits and room in the life of a lease: the real steps over a simulated machine, and the whole agent on a real chain.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '@decloud/chain'
import type { Hex } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { closeLease } from '../../scripts/lib/tenant.ts'
import { billOf } from '../../scripts/lib/tenant-view.ts'
import { makeFakeAnchors } from '../src/bridge/fake-anchors.ts'
import { cpuLimits, linkRate } from '../src/domain/tiers.ts'
import { makeFakeHypervisor } from '../src/hypervisor/fake/driver.ts'
import { SimulatedMachine } from '../src/hypervisor/fake/machine.ts'
import {
  makeSimulatedDiskStore,
  makeSimulatedImageStore,
  makeSimulatedSeedStore,
} from '../src/lib/simulated-storage.ts'
import type { Agent } from '../src/main.ts'
import { makeFakeShaper, type SimulatedQueues } from '../src/qos/fake-shaper.ts'
import { watchSpace } from '../src/reconcile/space-guard.ts'
import { makeTending } from '../src/reconcile/tending.ts'
import { type Bench, chainStatus, makeBench, SMALL_VM, until } from './helpers/node.ts'
import { PLENTIFUL } from './helpers/resources.ts'
import { paperSpec } from './hypervisor/spec.ts'

const SILENT = { info: () => {}, warn: () => {}, error: () => {} }

describe('what is known of the limits of a guest', () => {
  it('is forgotten when it starts or stops, and for all when libvirtd was away; what a stopped one left is freed', async () => {
    const machine = new SimulatedMachine()
    const hypervisor = makeFakeHypervisor(machine, 'mine')
    await hypervisor.ensureNetwork({ name: 'decloud', subnet: '10.77.0.0/24', mode: 'nat' })
    const queues: SimulatedQueues = new Map()
    const shaper = makeFakeShaper('mine', queues)
    await shaper.shape('0xdead', 'sim0', linkRate(0)!)
    const tending = makeTending(hypervisor, { shaper, anchors: makeFakeAnchors() }, SILENT)
    const ids: readonly Hex[] = ['0xa1', '0xa2']
    for (const id of ids) {
      await hypervisor.define(paperSpec(id))
      await hypervisor.start(id)
      await shaper.shape(id, 'sim1', linkRate(0)!)
      tending.shaped(id)
      tending.tuned(id)
    }
    const known = () => ids.map((id) => tending.of(id))
    const all = { shaped: true, tuned: true }
    const none = { shaped: false, tuned: false }
    expect(known()).toEqual([all, all])
    expect(queues.size).toBe(2) // what was left by a guest of before is swept
    await hypervisor.destroy('0xa1')
    expect(known()).toEqual([none, all])
    expect(queues.size).toBe(1)
    machine.disconnect()
    machine.reconnect()
    expect(known()).toEqual([none, none])
    expect(queues.size).toBe(1)
    tending.close()
  })
})

describe('the space under the disks', () => {
  let directory = ''
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'decloud-space-'))
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  it('is told to the operator once for each level, and an unreadable one is unknown', async () => {
    let free: number | null = 50
    const said: string[] = []
    const say = (level: string) => (_: object, message: string) => void said.push(`${level}: ${message}`)
    const guard = watchSpace({
      machine: {
        availableDiskBytes: async () => {
          if (free === null) throw new Error('no such file system')
          return free
        },
        totals: async () => ({ memoryMiB: null, diskBytes: 100, cpus: null }),
        diskReserveBytes: 100,
      },
      disks: { list: async () => [] },
      log: { info: say('info'), warn: say('warn'), error: say('error') },
      lookMs: 5,
    })
    const reaches = async (level: string | undefined) => {
      for (let i = 0; i < 400 && guard.level()?.level !== level; i++)
        await new Promise((r) => setTimeout(r, 5))
      expect(guard.level()?.level).toBe(level)
    }
    await reaches('ok')
    free = 9
    await reaches('low')
    free = 2
    await reaches('critical')
    free = 60
    await reaches('ok')
    free = null
    await reaches(undefined)
    await guard.close()
    const warnings = said.filter((line) => line.startsWith('warn: the disks'))
    expect(warnings).toHaveLength(2)
    expect(said.some((line) => line.startsWith('error: the disks are nearly full'))).toBe(true)
    expect(said).toContain('info: the disks have room again')
  })
})

describe('a node on a real chain', () => {
  let bench: Bench
  let agent: Agent | null = null
  beforeAll(async () => {
    bench = await makeBench()
  })
  afterEach(async () => {
    await agent?.close()
    agent = null
  })
  afterAll(() => bench?.close())

  const reservations = () => {
    const db = openDatabase(join(bench.config.dataDir, 'agent.db'))
    try {
      return db.prepare('SELECT leaseId, memoryMiB FROM reservations').all() as { leaseId: Hex }[]
    } finally {
      db.close()
    }
  }
  /** On a machine with so much memory in all. Simulated guests take none, so the hypervisor claims to be a real one. */
  const startWith = (memoryMiB: number) => {
    const hypervisor = makeFakeHypervisor(bench.machine, bench.instance)
    Object.assign(hypervisor, { capabilities: { ...hypervisor.capabilities, acceleration: 'kvm' } })
    return bench.start({
      hypervisor,
      machine: { ...PLENTIFUL, totals: async () => ({ memoryMiB, diskBytes: null, cpus: null }) },
      shaper: makeFakeShaper(bench.instance),
      anchors: makeFakeAnchors(),
      images: makeSimulatedImageStore(),
      disks: makeSimulatedDiskStore(join(bench.config.dataDir, 'disks')),
      seeds: makeSimulatedSeedStore(join(bench.config.dataDir, 'seeds')),
    })
  }
  const end = async (leaseId: Hex) => {
    await closeLease(bench.tenant, leaseId)
    await until(agent!, leaseId, ({ status }) => status === 'Deleted')
  }

  it('starts a guest at full speed, caps it before it is billed, and repairs what was changed or restarted by hand', async () => {
    const { machine, instance } = bench
    const queues: SimulatedQueues = new Map()
    const shaper = makeFakeShaper(instance, queues)
    machine.faults.bootMs = 700
    const held = new Map<string, string>()
    agent = await bench.start({ shaper, anchors: makeFakeAnchors(held) })
    const leaseId = await bench.open({ resources: { ...SMALL_VM, tier: 3, bandwidth: 0 } })
    await until(agent, leaseId, ({ phase }) => phase === 'Booting')
    const cpu = () => machine.find(instance, leaseId)?.cpu
    const capped = cpuLimits(3, 1, true)
    const { quotaUs: _, ...booting } = capped
    const seen = new Set<string>()
    const look = setInterval(() => seen.add(JSON.stringify(cpu())), 20)
    await until(agent, leaseId, ({ facts }) => facts !== null)
    clearInterval(look)
    expect([...seen].filter((text) => text !== '{}')).toContain(JSON.stringify(booting))
    await until(agent, leaseId, ({ status }) => status === 'Running')
    expect(cpu()).toEqual(capped)
    const hypervisor = makeFakeHypervisor(machine, instance)
    const limited = async () => {
      const nic = await hypervisor.nicOf(leaseId)
      return nic === null ? null : shaper.limitsOf(leaseId, nic.device)
    }
    expect(await limited()).toEqual(linkRate(0))
    // What the host sends to its address goes to its device.
    const nic = await hypervisor.nicOf(leaseId)
    expect([...held]).toEqual([[nic?.ip, nic?.device]])

    // As an operator would by hand: off and on again at once.
    await hypervisor.destroy(leaseId)
    await hypervisor.start(leaseId).catch(() => {}) // the agent may have been quicker
    for (let i = 0; i < 400; i++) {
      if (cpu()?.quotaUs === capped.quotaUs && (await limited()) !== null) break
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    expect(cpu()).toEqual(capped)
    expect(await limited()).toEqual(linkRate(0))
    machine.faults.bootMs = 0
    await end(leaseId)
    expect(queues.size).toBe(0)
    expect(reservations()).toEqual([])
  })

  it('refuses for good what does not fit, before anything is made for it, and gives it all back', async () => {
    agent = await bench.start()
    const first = await bench.open({ resources: { ...SMALL_VM, memoryMiB: 1_024 } })
    await until(agent, first, ({ status }) => status === 'Running')
    await agent.close()
    // A machine that has shrunk below what is registered: the chain assigns what the node cannot hold.
    agent = await startWith(2_500)
    const second = await bench.open({ resources: { ...SMALL_VM, memoryMiB: 1_024 } })
    const vm = await until(agent, second, ({ refused }) => refused)
    expect(vm.reason).toEqual({
      code: 'does-not-fit',
      message: expect.stringContaining('1988 MiB for guests, 1152 taken'),
    })
    expect(bench.machine.find(bench.instance, second)).toBeUndefined()
    expect(await chainStatus(bench, second)).toBe('Assigned')
    expect(reservations().map(({ leaseId }) => leaseId)).toEqual([first])
    expect(agent.vm(first)?.status).toBe('Running')
    await closeLease(bench.tenant, second)
    const bill = await billOf(bench.tenant, second)
    expect(bill).toMatchObject({ bill: 0n, refund: bill.deposited })
    await end(first)
  })

  it('of many leases at once admits no more than fit, though all are worked on in parallel', async () => {
    const ids: Hex[] = []
    for (let i = 0; i < 5; i++) ids.push(await bench.open({ resources: { ...SMALL_VM, memoryMiB: 1_024 } }))
    agent = await startWith(3_000)
    const ends = await Promise.all(
      ids.map((id) => until(agent!, id, ({ refused, status }) => refused || status === 'Running')),
    )
    // 3000 MiB less half a GiB for the host: two guests of 1024 with 128 each.
    expect(ends.filter(({ refused }) => !refused)).toHaveLength(2)
    expect(reservations()).toHaveLength(2)
    for (const id of ids) await closeLease(bench.tenant, id)
    for (const id of ids) await until(agent, id, ({ status }) => status === 'Deleted')
    expect(reservations()).toEqual([])
  })

  it('that lost its database knows from the machine and the chain what is taken', async () => {
    agent = await bench.start()
    const leaseId = await bench.open()
    await until(agent, leaseId, ({ status }) => status === 'Running')
    await agent.close()
    await Promise.all(
      ['', '-wal', '-shm'].map((suffix) =>
        rm(`${join(bench.config.dataDir, 'agent.db')}${suffix}`, { force: true }),
      ),
    )
    agent = await bench.start()
    expect(reservations()).toEqual([{ leaseId, memoryMiB: SMALL_VM.memoryMiB }])
    await until(agent, leaseId, ({ status }) => status === 'Running')
    await end(leaseId)
    expect(reservations()).toEqual([])
  })
})
