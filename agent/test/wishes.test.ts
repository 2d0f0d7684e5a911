// What a tenant orders, what befalls the guest against that, and what the agent makes of both. Real stores and reconciler.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LIMITS } from '../src/domain/situation.ts'
import { LEASE, makeScripted, type Scripted } from './helpers/scripted.ts'
import { INSTANCE } from './model/host.ts'

let s: Scripted
beforeEach(async () => {
  s = await makeScripted()
  await s.settle()
  expect(s.record()).toMatchObject({ status: 'Running', reason: null })
})
afterEach(() => s.close())

const seed = () => readFile(join(s.host.directory, 'seeds', `${LEASE.slice(2)}.iso`), 'utf8')
const crash = () => s.host.machine.crash(INSTANCE, LEASE)

describe('a stop and a start', () => {
  it('stops the guest, keeps it off over a restart of the agent, and says that it is billed', async () => {
    const seen: string[] = []
    s.power('off')
    await s.agent.fly(LEASE)
    seen.push(s.record().status)
    await s.settle()
    seen.push(s.record().status)
    s.agent.restart()
    await s.settle()
    seen.push(s.record().status)
    expect(seen).toEqual(['Stopping', 'Stopped', 'Stopped'])
    expect(s.domain()?.state).toBe('stopped')
    expect(s.record().reason).toMatchObject({
      code: 'stopped-by-tenant',
      message: expect.stringContaining('reserved and billed'),
    })
    expect(s.outages(), "time off by the tenant's wish is no outage").toEqual([])
  })

  it('passes through Stopping with a deadline, and cuts the power of a guest that does not listen', async () => {
    s.host.machine.faults.ignoresShutdown = true
    s.power('off')
    await s.agent.fly(LEASE)
    expect(s.record()).toMatchObject({ status: 'Stopping', deadlineMs: s.host.nowMs() + LIMITS.graceMs })
    await s.settle()
    expect(s.record().status).toBe('Stopped')
  })

  it('does not need the chain to stop and start again, on the same disk', async () => {
    const disk = s.host.diskInUse(LEASE)
    s.chain.setStale(true)
    s.power('off')
    await s.settle()
    expect(s.domain()?.state).toBe('stopped')
    s.power('on')
    await s.settle()
    expect(s.record()).toMatchObject({ status: 'Running', reason: null })
    expect(s.host.diskInUse(LEASE)).toBe(disk)
    expect(s.domain()?.boots).toBe(2)
  })

  it('takes back a stop that is withdrawn before the guest is off', async () => {
    s.host.machine.faults.ignoresShutdown = true
    s.power('off')
    await s.agent.fly(LEASE)
    s.power('on')
    await s.settle()
    expect(s.record().status).toBe('Running')
    expect(s.domain()?.boots).toBe(1)
  })

  it('leaves a guest that was stopped and ran out of money off when it is paid again', async () => {
    s.power('off')
    await s.settle()
    s.host.pass(31 * 24 * 3_600_000)
    await s.settle()
    expect(s.record().reason?.code).toBe('depleted')
    s.chain.topUp(LEASE, 90 * 24 * 3_600)
    await s.settle()
    expect(s.record()).toMatchObject({ status: 'Stopped', reason: { code: 'stopped-by-tenant' } })
  })
})

describe('a reboot', () => {
  it('is one stop and one start for each order, and no outage', async () => {
    s.order('reboot')
    await s.settle()
    expect(s.domain()?.boots).toBe(2)
    await s.settle()
    expect(s.domain()?.boots).toBe(2)
    s.order('reboot')
    await s.settle()
    expect(s.domain()?.boots).toBe(3)
    expect(s.outages()).toEqual([])
  })

  it.each(Array.from({ length: 8 }, (_, n) => n + 1))(
    'is served once when the agent dies before step %i',
    async (n) => {
      s.agent.armCut('step', n)
      s.order('reboot')
      await s.settle()
      expect(s.domain()).toMatchObject({ boots: 2, state: 'running' })
      expect(s.record()).toMatchObject({ status: 'Running', task: null })
    },
  )

  it.each([1, 2, 3])('is served once when the agent dies after effect %i, unrecorded', async (n) => {
    s.agent.armCut('effect', n)
    s.order('reboot')
    await s.settle()
    expect(s.domain()).toMatchObject({ boots: 2, state: 'running' })
  })

  it('of a guest that is off is served by its next start, and starts nothing by itself', async () => {
    s.power('off')
    await s.settle()
    s.order('reboot')
    await s.settle()
    expect(s.domain()?.state).toBe('stopped')
    s.power('on')
    await s.settle()
    expect(s.domain()?.boots).toBe(2)
  })
})

describe('a reinstall', () => {
  it('sets the old disk aside, makes a fresh one, and is a new instance with the host key it had', async () => {
    const before = { disk: s.host.diskInUse(LEASE), facts: s.record().facts, seed: await seed() }
    s.order('reinstall')
    await s.settle()
    const vm = s.record()
    expect(vm).toMatchObject({ status: 'Running', task: null, reason: null })
    expect(s.host.diskInUse(LEASE)).not.toBe(before.disk)
    expect(s.host.disksOf(LEASE)).toHaveLength(2)
    expect(vm.facts?.sshHostKeyFingerprint).toBe(before.facts?.sshHostKeyFingerprint)
    const idOf = (text: string) => /"instance-id": "([^"]+)"/.exec(text)?.[1]
    expect(idOf(before.seed)).toBe(LEASE)
    expect(idOf(await seed())).toBe(`${LEASE}-${vm.install.toString(36)}`)
  })

  it('waits while the view of the chain is not current', async () => {
    s.chain.setStale(true)
    s.order('reinstall')
    await s.settle()
    expect(s.domain()).toMatchObject({ boots: 1, state: 'running' })
    s.chain.setStale(false)
    await s.settle()
    expect(s.host.disksOf(LEASE)).toHaveLength(2)
  })

  it.each(Array.from({ length: 14 }, (_, n) => ['step', n + 1] as const))(
    'comes out the same when cut before %s %i',
    async (at, n) => {
      const old = s.host.diskInUse(LEASE)
      s.agent.armCut(at, n)
      s.order('reinstall')
      await s.settle()
      expect(s.host.disksOf(LEASE)).toHaveLength(2)
      expect(s.host.diskInUse(LEASE)).not.toBe(old)
      expect(s.record()).toMatchObject({ status: 'Running', task: null })
    },
  )

  it.each([1, 2, 3, 4, 5])('comes out the same when cut after effect %i', async (n) => {
    s.agent.armCut('effect', n)
    s.order('reinstall')
    await s.settle()
    expect(s.host.disksOf(LEASE)).toHaveLength(2)
    expect(s.record()).toMatchObject({ status: 'Running', task: null })
  })

  it('is refused in a sentence when the node keeps as many earlier disks as it will', async () => {
    for (let n = 0; n < LIMITS.keptDisks; n++) {
      s.order('reinstall')
      await s.settle()
    }
    const disk = s.host.diskInUse(LEASE)
    s.order('reinstall')
    await s.settle()
    expect(s.host.diskInUse(LEASE)).toBe(disk)
    expect(s.record()).toMatchObject({ status: 'Running', reason: { code: 'disks-kept' } })
  })

  it('in hand is carried through when a reorg takes the activation back meanwhile', async () => {
    const old = s.host.diskInUse(LEASE)
    s.order('reinstall')
    await s.agent.fly(LEASE)
    expect(s.record().task).toBe('reinstall')
    s.chain.undoActivation(LEASE)
    await s.settle()
    expect(s.record()).toMatchObject({ status: 'Running', task: null })
    expect(s.host.diskInUse(LEASE)).not.toBe(old)
  })

  it('leaves the old disk alone for as long as the lease lives', async () => {
    s.order('reinstall')
    await s.settle()
    s.host.pass(20 * 24 * 3_600_000)
    await s.settle()
    expect(s.host.disksOf(LEASE)).toHaveLength(2)
  })
})

describe('a restore', () => {
  it.each([
    ['nothing', 0],
    ...Array.from({ length: 6 }, (_, n) => ['step', n + 1] as const),
    ...Array.from({ length: 4 }, (_, n) => ['effect', n + 1] as const),
  ] as const)('brings the old disk and its key back, cut by %s %i', async (at, n) => {
    const before = { disk: s.host.diskInUse(LEASE), key: s.record().facts?.sshHostKey }
    s.order('reinstall')
    await s.settle()
    const second = s.host.diskInUse(LEASE)
    if (at !== 'nothing') s.agent.armCut(at, n)
    s.order('restore')
    await s.settle()
    expect(s.host.diskInUse(LEASE)).toBe(before.disk)
    expect(s.record()).toMatchObject({ status: 'Running', install: 0, facts: { sshHostKey: before.key } })
    expect(await seed()).toContain(`"${LEASE}"`)
    expect(s.host.disksOf(LEASE)).toContain(second)
  })

  it('says so when there is nothing to bring back, and touches nothing', async () => {
    s.order('restore')
    await s.settle()
    expect(s.domain()).toMatchObject({ boots: 1, state: 'running' })
    expect(s.record().reason?.code).toBe('nothing-to-restore')
  })

  it('happens by itself when a reorg deeper than finality brings an ended lease back to life', async () => {
    const disk = s.host.diskInUse(LEASE)
    s.chain.close(LEASE)
    await s.settle()
    expect(s.record().status).toBe('Deleted')
    expect(s.chain.undoEnd(LEASE)).toBe(true)
    await s.settle()
    expect(s.record()).toMatchObject({ status: 'Running', endConfirmedMs: null })
    expect(s.host.diskInUse(LEASE)).toBe(disk)
  })
})

describe('a guest that goes off against the wish of its tenant', () => {
  it('is started once, on its disk, and the time is on record from the moment it went', async () => {
    s.host.pass(10_000)
    const diedMs = s.host.nowMs()
    crash()
    s.host.pass(3_000)
    await s.settle()
    expect(s.domain()).toMatchObject({ boots: 2, state: 'running' })
    const [outage, ...more] = s.outages()
    expect(more).toEqual([])
    expect(outage).toMatchObject({ leaseId: LEASE, fromMs: diedMs, cause: 'crashed', creditedMs: null })
    expect(outage?.toMs).toBeGreaterThanOrEqual(diedMs + 3_000)
    expect(s.agent.deps().outages.uncredited()).toEqual([outage])
  })

  it('counts a restart of the host, while no agent looked on, from when it was last seen at work', async () => {
    const seenMs = Math.max(s.record().checkedMs, s.record().sinceMs)
    s.agent.restart()
    s.host.machine.powerOff(INSTANCE, LEASE)
    s.agent.restart()
    s.host.pass(600_000)
    await s.settle()
    expect(s.domain()?.boots).toBe(2)
    expect(s.outages()).toMatchObject([{ fromMs: seenMs, cause: 'powered-off' }])
  })

  it('is restarted later and later if it goes on dying, but never later than the cap', async () => {
    const waits: number[] = []
    for (let death = 0; death < 9; death++) {
      crash()
      await s.agent.fly(LEASE)
      waits.push(Math.max(0, s.record().nextAttemptMs - s.host.nowMs()))
      await s.settle(200)
      expect(s.domain()?.boots).toBe(death + 2)
    }
    const { restartMs, restartCapMs } = LIMITS
    expect(waits.slice(0, 4)).toEqual([0, restartMs, 2 * restartMs, 4 * restartMs])
    expect(Math.max(...waits)).toBe(restartCapMs)
    const outages = s.outages()
    expect(outages).toHaveLength(9)
    for (const [i, { fromMs }] of outages.entries()) {
      expect(fromMs).toBeGreaterThan(outages[i - 1]?.toMs ?? 0)
    }
  })

  it('is an outage too when a reboot that was ordered cannot be finished', async () => {
    s.host.machine.faults.startFails = true
    s.order('reboot')
    await s.settle(20)
    expect(s.outages()).toMatchObject([{ cause: 'not-restarted', toMs: null }])
    s.host.machine.faults.startFails = false
    await s.settle()
    expect(s.outages()).toMatchObject([{ toMs: expect.any(Number) }])
  })

  it('ends its outage when the tenant stops it, and when the lease ends', async () => {
    s.host.machine.faults.startFails = true
    crash()
    await s.settle(10)
    expect(s.outages()).toMatchObject([{ toMs: null }])
    s.power('off')
    await s.settle()
    expect(s.outages()).toMatchObject([{ toMs: expect.any(Number) }])
  })
})

describe('disks that are full', () => {
  it('pause the guest: it is told, counted, and let go on by itself when there is room', async () => {
    s.host.freeBytes = 0
    s.host.machine.runOutOfSpace(INSTANCE, LEASE)
    await s.settle(10)
    expect(s.domain()).toMatchObject({ state: 'paused', boots: 1 })
    expect(s.record()).toMatchObject({ status: 'Running', reason: { code: 'disk-full' } })
    expect(s.outages()).toMatchObject([{ cause: 'disk-full', toMs: null }])
    s.host.freeBytes = 2 ** 40
    s.host.pass(60_000)
    await s.settle()
    expect(s.domain()).toMatchObject({ state: 'running', boots: 1 })
    expect(s.record().reason).toBeNull()
    expect(s.outages()).toMatchObject([{ toMs: expect.any(Number) }])
  })

  it.each(['overlay', 'seed'] as const)(
    'keep a reinstall waiting at the %s, and it goes on when there is room',
    async (what) => {
      s.host.storage[what] = true
      s.order('reinstall')
      await s.settle(20)
      expect(s.record()).toMatchObject({ task: 'install', reason: { code: 'disk-full' } })
      s.host.storage[what] = false
      s.host.pass(60_000)
      await s.settle()
      expect(s.record()).toMatchObject({ status: 'Running', task: null, reason: null })
      expect(s.host.disksOf(LEASE)).toHaveLength(2)
    },
  )
})

describe('time', () => {
  it('that is set back a day does not keep a retry or a deadline waiting for a day', async () => {
    s.host.machine.faults.startFails = true
    crash()
    await s.settle(10)
    s.host.setClock(-24 * 3_600_000)
    s.host.machine.faults.startFails = false
    await s.settle()
    expect(s.record().status).toBe('Running')
    expect(s.domain()?.boots).toBe(2)
  })

  it.each([
    ['ahead', 100],
    ['behind', -100],
  ])('that is 100 h %s when the disk is set aside does not shorten its quarantine', async (_, hours) => {
    s.host.setClock(hours * 3_600_000)
    s.chain.close(LEASE)
    await s.settle()
    s.host.setClock(0)
    s.host.pass(71 * 3_600_000)
    await s.settle()
    expect(s.host.disksOf(LEASE)).toHaveLength(1)
    s.host.setClock(200 * 3_600_000)
    await s.settle()
    expect(s.host.disksOf(LEASE)).toHaveLength(1)
    s.host.setClock(0)
    s.host.pass((2 + Math.max(0, hours)) * 3_600_000)
    await s.settle()
    expect(s.host.disksOf(LEASE)).toEqual([])
  })
})
