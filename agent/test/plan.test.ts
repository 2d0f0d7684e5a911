// Properties of planner and desired state against a modelled world: the machine does what the steps say, the chain says
// anything, the agent forgets anything. Seeds are printed by fast-check and replayed with { seed, path }.
import { type LeaseView, runsOutAt } from '@decloud/protocol'
import fc from 'fast-check'
import type { Hex } from 'viem'
import { describe, expect, it } from 'vitest'
import { desired, type LeaseSight } from '../src/domain/desired.ts'
import { plan } from '../src/domain/plan.ts'
import { LIMITS, type Situation } from '../src/domain/situation.ts'
import { DESTRUCTIVE, type Step } from '../src/domain/steps.ts'
import { admitted, moved, type VmRecord } from '../src/domain/vm.ts'
import { NO_WISH, type Wish } from '../src/domain/wish.ts'
import type { DomainState } from '../src/ports/hypervisor.ts'
import { leaseView } from './helpers/lease-view.ts'

const NODE = 7
const LEASE: Hex = `0x${'ab'.repeat(32)}`
const OTHER: Hex = `0x${'0d'.repeat(32)}`
const SPEC: Hex = `0x${'01'.repeat(32)}`
const OLD_SPEC: Hex = `0x${'02'.repeat(32)}`
const FACTS = {
  bootId: 'boot',
  ipv4: '10.77.0.2',
  sshHostKey: 'ssh-ed25519 AAAA',
  sshHostKeyFingerprint: SPEC,
} as const
const START = 1_800_000_000

const view = (status: LeaseView['status'], change: Partial<LeaseView> = {}): LeaseView =>
  leaseView(LEASE, {
    ...{ status, node: NODE, manifest: '0x', activateBy: START + 900, deposited: 3_600n },
    startedAt: status === 'Active' || status === 'Ended' ? START : 0,
    endReason: status === 'Ended' ? 'ClosedByTenant' : 'None',
    endedAt: status === 'Ended' ? START + 60 : 0,
    ...change,
  })

type World = {
  nowMs: number
  fresh: boolean
  latest: LeaseView | undefined
  finalized: LeaseView | undefined
  /** What contract storage would answer to the second read. */
  storageEnded: boolean
  wish: Wish
  outage: boolean
  vm: VmRecord | null
  domain: DomainState | null
  spec: Hex
  /** What the manifest in force opens to. */
  manifest: Hex
  disk: boolean
  /** Of quarantined disks: the stamp, and the installation. */
  aside: readonly { at: number; install: number }[]
  /** Disks of another lease that this one may take over. */
  offered: readonly { at: number; install: number }[]
  seed: boolean
  keys: boolean
  shutdownWorks: boolean
}

const initial = (): World => ({
  nowMs: START * 1000,
  fresh: true,
  latest: undefined,
  finalized: undefined,
  storageEnded: false,
  wish: NO_WISH,
  outage: false,
  vm: null,
  domain: null,
  spec: SPEC,
  manifest: SPEC,
  disk: false,
  aside: [],
  offered: [],
  seed: false,
  keys: false,
  shutdownWorks: true,
})

const sightOf = (w: World): LeaseSight => ({ latest: w.latest, finalized: w.finalized })

const situationOf = (w: World): Situation => {
  const chainNow = Math.floor(w.nowMs / 1000)
  return {
    nowMs: w.nowMs,
    fresh: w.fresh,
    target: desired(sightOf(w), NODE, chainNow),
    vm: w.vm,
    domain: w.domain === null ? null : { leaseId: LEASE, generation: 1, specHash: w.spec, state: w.domain },
    disk: w.disk ? { leaseId: LEASE, path: '/d', quarantinedAt: null, install: 0 } : null,
    aside: w.aside.map(({ at, install }) => ({ leaseId: LEASE, path: `/${at}`, quarantinedAt: at, install })),
    offered: (w.wish.restoreFrom === null ? [] : w.offered).map(({ at, install }) => ({
      ...{ leaseId: OTHER, path: `/other/${at}`, quarantinedAt: at, install },
    })),
    wish: w.wish,
    outage: w.outage
      ? { leaseId: LEASE, fromMs: w.nowMs, toMs: null, cause: 'crashed', creditedMs: null }
      : null,
    offSinceMs: null,
    chainNowMs: w.nowMs,
    seed: w.seed,
    keys: w.keys,
    specHash: SPEC,
    manifestHash: w.manifest,
    activateByMs: w.latest?.status === 'Assigned' ? w.latest.activateBy * 1000 : null,
    limits: LIMITS,
  }
}

const setAside = (w: World) => {
  let at = Math.floor(w.nowMs / 1000)
  while (w.aside.some((disk) => disk.at === at)) at++
  return { at, install: w.vm?.install ?? 0 }
}

/** The world after one step, as the executors are specified. */
const applied = (w: World, step: Step): World => {
  switch (step.kind) {
    case 'Admit':
      return { ...w, vm: w.vm ?? admitted(LEASE, w.nowMs, step.deadlineMs) }
    case 'Move':
      return { ...w, vm: moved(w.vm!, step, w.nowMs) }
    case 'Refuse':
      return {
        ...w,
        vm: {
          ...moved(w.vm!, { to: 'Error', phase: 'Waiting', reason: step.reason, deadlineMs: null }, w.nowMs),
          refused: true,
        },
      }
    case 'Note':
      return { ...w, vm: { ...w.vm!, ...step.change } }
    case 'Revive': {
      if (w.storageEnded) return w
      const vm = { ...w.vm!, endConfirmedMs: null }
      if (vm.status === 'Deleted') return { ...w, vm: admitted(LEASE, w.nowMs, step.deadlineMs) }
      if (vm.status !== 'Deleting') return { ...w, vm }
      const change = { to: 'Error', phase: 'Waiting', reason: null, deadlineMs: null } as const
      return { ...w, vm: moved(vm, change, w.nowMs) }
    }
    case 'BeginOutage':
      expect(w.outage, 'an outage began twice').toBe(false)
      return { ...w, outage: true }
    case 'EndOutage':
      return { ...w, outage: false }
    case 'RestoreDisk':
      expect(w.disk, 'a disk was put over another').toBe(false)
      return {
        ...w,
        disk: true,
        aside: w.aside.filter(({ at }) => at !== step.quarantinedAt),
        vm: { ...w.vm!, install: step.install },
      }
    case 'AdoptDisk':
      expect(w.disk, 'a disk was put over another').toBe(false)
      expect(step.from, 'its own disk taken for that of another').toBe(OTHER)
      return {
        ...w,
        disk: true,
        offered: w.offered.filter(({ at }) => at !== step.quarantinedAt),
        vm: { ...w.vm!, install: step.install },
      }
    case 'Resume':
      return { ...w, domain: 'running' }
    case 'OpenManifest':
      return { ...w, vm: { ...w.vm!, image: 'debian-12' } }
    case 'Preflight':
    case 'EnsureImage':
    case 'Shape':
    case 'Tune':
      return w
    case 'CreateDisk':
      expect(w.disk).toBe(false)
      expect(step.beside || w.aside.length === 0, 'an empty disk beside the one to restore').toBe(true)
      return { ...w, disk: true }
    case 'WriteSeed':
      return { ...w, seed: true, keys: true }
    case 'Define':
      expect(w.domain, 'defined twice').toBeNull()
      return { ...w, domain: 'stopped', spec: SPEC, seed: true, keys: true }
    case 'Redefine':
      expect(w.domain, 'a running guest was redefined').not.toBe('running')
      return { ...w, spec: SPEC }
    case 'Start':
      expect(w.domain, 'a running guest was started').not.toBe('running')
      expect(w.disk).toBe(true)
      return {
        ...w,
        domain: 'running',
        vm: {
          ...w.vm!,
          facts: null,
          task: null,
          manifestSeen: w.vm!.task === null || w.vm!.task === 'reboot' ? w.vm!.manifestSeen : null,
          served: { ...w.vm!.served, rebootMs: w.wish.rebootAtMs },
        },
      }
    case 'UpdateAccess':
      expect(w.domain, 'a guest that is off was told whom to let in').toBe('running')
      return { ...w, vm: { ...w.vm!, manifestSeen: w.manifest } }
    case 'CheckReady':
      return { ...w, vm: { ...w.vm!, facts: FACTS, checkedMs: w.nowMs } }
    case 'CheckServices':
      return { ...w, vm: { ...w.vm!, servicesDueMs: w.nowMs + 60_000 } }
    case 'Activate':
      expect(w.vm?.facts, 'activated before the guest was ready').not.toBeNull()
      expect(w.vm?.refused).toBe(false)
      return {
        ...w,
        latest: w.latest && { ...w.latest, status: 'Active', startedAt: Math.floor(w.nowMs / 1000) },
      }
    case 'Expire':
      return { ...w, latest: w.latest && { ...w.latest, status: 'Ended', endReason: 'Expired' } }
    case 'ConfirmEnd':
      return w.storageEnded ? { ...w, vm: { ...w.vm!, endConfirmedMs: w.nowMs } } : w
    case 'Shutdown':
      return { ...w, domain: w.shutdownWorks ? 'stopped' : w.domain }
    case 'Destroy':
      return { ...w, domain: 'stopped' }
    case 'Undefine':
      expect(w.domain).not.toBe('running')
      return { ...w, domain: null }
    case 'RemoveSeed':
      return { ...w, seed: false }
    case 'QuarantineDisk':
      expect(w.domain, 'the disk of a running guest was set aside').not.toBe('running')
      return { ...w, disk: false, aside: [setAside(w), ...w.aside] }
    case 'PurgeDisk':
      return { ...w, aside: w.aside.filter(({ at }) => at > step.notAfter) }
    case 'ForgetKeys':
      expect([w.disk, ...w.aside], 'keys forgotten while a disk is there to enter').toEqual([false])
      return { ...w, keys: false }
  }
}

/** What must hold whenever a step that takes something down is planned. */
const checkMayDestroy = (w: World, step: Step) => {
  if (!DESTRUCTIVE.has(step.kind)) return
  const because = 'because' in step ? step.because : null
  if (because === 'stopped') return expect(w.wish.power).toBe('off')
  if (because === 'reboot') return expect(w.vm?.task).toBe('reboot')
  expect(w.fresh, `${step.kind} on a feed that is not fresh`).toBe(true)
  if (because === 'reinstall' || because === 'restore') return expect(w.vm?.task).toBe(because)
  const depleted = (step.kind === 'Shutdown' || step.kind === 'Destroy') && step.because === 'depleted'
  if (depleted) {
    expect(w.latest?.status).toBe('Active')
    expect(runsOutAt(w.latest!)).toBeLessThanOrEqual(Math.floor(w.nowMs / 1000))
    return
  }
  expect(w.finalized?.status, `${step.kind} without a finalized end`).toBe('Ended')
  expect(w.vm?.endConfirmedMs, `${step.kind} without a second read`).not.toBeNull()
}

/** Runs steps until none is left, at most `budget`; a crash cuts the run after `crashAfter` steps. */
const run = (
  world: World,
  crashAfter = Number.POSITIVE_INFINITY,
  budget = 80,
): { world: World; steps: Step[] } => {
  let w = world
  const taken: Step[] = []
  for (let i = 0; i < budget; i++) {
    const steps = plan(situationOf(w))
    if (steps.length === 0) return { world: w, steps: taken }
    for (const step of steps) {
      if (taken.length >= crashAfter) return { world: w, steps: taken }
      checkMayDestroy(w, step)
      w = applied(w, step)
      taken.push(step)
      // Storage does not say it yet: asked again later.
      if (step.kind === 'ConfirmEnd' && !w.storageEnded) return { world: w, steps: taken }
      if (step.kind === 'Revive' && w.storageEnded) return { world: w, steps: taken }
      if (step.kind === 'Shutdown' && w.domain === 'running') w = { ...w, nowMs: w.nowMs + LIMITS.graceMs }
    }
  }
  throw new Error(`does not come to rest: … ${taken.slice(-6).map((step) => step.kind)}`)
}

const statuses = fc.constantFrom('Requested', 'Assigned', 'Active', 'Ended', undefined)
const mutation: fc.Arbitrary<(w: World) => World> = fc.oneof(
  statuses.map((status) => (w: World) => ({ ...w, latest: status && view(status) })),
  statuses.map((status) => (w: World) => ({ ...w, finalized: status && view(status) })),
  fc.boolean().map((fresh) => (w: World) => ({ ...w, fresh })),
  fc.boolean().map((storageEnded) => (w: World) => ({ ...w, storageEnded })),
  fc.boolean().map((shutdownWorks) => (w: World) => ({ ...w, shutdownWorks })),
  fc
    .constantFrom<DomainState | null>('running', 'stopped', 'crashed', 'paused', 'unknown')
    .map((state) => (w: World) => (w.domain === null ? w : { ...w, domain: state })),
  fc.constant((w: World): World => ({ ...w, vm: null })), // the state database was lost
  fc.constant((w: World): World => ({ ...w, spec: OLD_SPEC })), // the agent was configured anew
  fc.constant((w: World): World => ({ ...w, seed: false })),
  fc.constantFrom('on', 'off').map(
    (power) =>
      (w: World): World => ({ ...w, wish: { ...w.wish, power } }),
  ),
  fc.constantFrom('rebootAtMs', 'reinstallAtMs', 'restoreAtMs').map(
    (order) =>
      (w: World): World => ({ ...w, wish: { ...w.wish, [order]: w.nowMs, restoreFrom: null } }),
  ),
  fc.constant(
    // A restore that names an ended lease; its disk is there, or was taken before.
    (w: World): World => ({
      ...w,
      offered: w.offered.length > 0 ? [] : [{ at: Math.floor(w.nowMs / 1000) - 77, install: 0 }],
      wish: { ...w.wish, restoreAtMs: w.nowMs, restoreFrom: OTHER },
    }),
  ),
  fc.integer({ min: 1, max: 4_000 }).map((s) => (w: World) => ({ ...w, nowMs: w.nowMs + s * 1000 })),
)

describe('the planner', () => {
  it('never takes anything down without a final, confirmed end or depletion, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(mutation, fc.nat(12)), { maxLength: 25 }), (script) => {
        let w = initial()
        for (const [mutate, crashAfter] of script) w = run(mutate(w), crashAfter).world
      }),
      { numRuns: 2_000 },
    )
  })

  it('comes to rest, and then plans nothing', () => {
    fc.assert(
      fc.property(fc.array(mutation, { maxLength: 12 }), (script) => {
        const { world } = run(script.reduce((w, mutate) => run(mutate(w), 3).world, initial()))
        const rest = plan(situationOf(world)).filter(({ kind }) => kind !== 'ConfirmEnd' && kind !== 'Revive')
        expect(rest).toEqual([])
      }),
      { numRuns: 1_000 },
    )
  })

  it('reaches the same end from a crash after any step', () => {
    const assigned = { ...initial(), latest: view('Assigned'), finalized: view('Assigned') }
    const whole = run(assigned)
    expect(whole.world.vm?.status).toBe('Running')
    for (let n = 0; n <= whole.steps.length; n++) {
      const resumed = run(run(assigned, n).world)
      expect(resumed.world).toEqual(whole.world)
    }
    const ended = { ...whole.world, latest: view('Ended'), finalized: view('Ended'), storageEnded: true }
    const down = run(ended)
    expect(down.world).toMatchObject({ domain: null, disk: false, seed: false, vm: { status: 'Deleted' } })
    expect(down.world.aside).toHaveLength(1)
    for (let n = 0; n <= down.steps.length; n++) {
      expect(run(run(ended, n).world).world).toEqual(down.world)
    }
  })
})

describe('single rules of the planner', () => {
  const running = run({ ...initial(), latest: view('Assigned'), finalized: view('Assigned') }).world
  const kinds = (w: World) => plan(situationOf(w)).map((step) => step.kind)

  it('adopts a running guest after the state is lost, and asks it for what it would have been told', () => {
    const steps = run({ ...running, vm: null }).steps.map((step) => step.kind)
    expect(steps).toEqual(['Admit', 'Move', 'CheckReady', 'Move', 'UpdateAccess'])
  })

  it('leaves a running guest of an older spec alone', () => {
    expect(kinds({ ...running, spec: OLD_SPEC })).toEqual([])
  })

  it('restarts a guest that went off, on the disk it had', () => {
    const { world, steps } = run({ ...running, domain: 'crashed' })
    expect(world.domain).toBe('running')
    expect(steps.map((step) => step.kind)).not.toContain('CreateDisk')
    expect(steps.map((step) => step.kind)).not.toContain('Activate')
  })

  it('takes over the disk of an ended lease once, from a crash after any step', () => {
    const asked = {
      ...running,
      offered: [{ at: START - 77, install: 0 }],
      wish: { ...running.wish, restoreAtMs: running.nowMs, restoreFrom: OTHER },
    }
    const whole = run(asked)
    const taken = whole.steps.filter(({ kind }) => kind === 'AdoptDisk')
    expect(taken).toEqual([{ kind: 'AdoptDisk', from: OTHER, quarantinedAt: START - 77, install: 0 }])
    expect(whole.world).toMatchObject({ domain: 'running', disk: true, offered: [], vm: { task: null } })
    // The one it had is kept.
    expect(whole.world.aside).toHaveLength(1)
    for (let n = 0; n <= whole.steps.length; n++) {
      const { offered, aside, vm } = run(run(asked, n).world).world
      expect({ offered, aside: aside.length, task: vm?.task }).toEqual({ offered: [], aside: 1, task: null })
    }
  })

  it('restores nothing where the lease that is named has no disk any more', () => {
    const wish = { ...running.wish, restoreAtMs: running.nowMs, restoreFrom: OTHER }
    const { world } = run({ ...running, wish, aside: [{ at: START - 7, install: 0 }] })
    expect(world).toMatchObject({ domain: 'running', vm: { reason: { code: 'nothing-to-restore' } } })
    expect(world.aside).toHaveLength(1)
  })

  it('never replaces the lost disk of an activated lease by an empty one', () => {
    const { world, steps } = run({ ...running, domain: 'stopped', disk: false })
    expect(steps.map((step) => step.kind)).not.toContain('CreateDisk')
    expect(world.vm).toMatchObject({ refused: true, reason: { code: 'disk-missing' } })
  })

  it('stops a depleted guest, keeps its disk, and resumes on a top-up', () => {
    const depleted = run({ ...running, nowMs: (runsOutAt(running.latest!) + 1) * 1000 }).world
    expect(depleted).toMatchObject({
      domain: 'stopped',
      disk: true,
      vm: { status: 'Stopped', reason: { code: 'depleted' } },
    })
    const paid = { ...depleted.latest!, deposited: 36_000_000n }
    expect(run({ ...depleted, latest: paid }).world).toMatchObject({
      domain: 'running',
      vm: { status: 'Running' },
    })
  })

  it('does nothing about a lease the chain no longer shows', () => {
    expect(kinds({ ...running, latest: undefined, finalized: undefined })).toEqual([])
  })

  it('waits for finality after a close, and for storage to agree', () => {
    expect(kinds({ ...running, latest: view('Ended'), finalized: view('Active') })).toEqual([])
    const final = { ...running, latest: view('Ended'), finalized: view('Ended'), storageEnded: false }
    expect(kinds(final)).toEqual(['ConfirmEnd'])
    expect(run(final).world).toMatchObject({ domain: 'running', disk: true })
  })

  it('expires a lease it could not activate, and starts nothing for it', () => {
    const late = {
      ...initial(),
      latest: view('Assigned'),
      finalized: view('Assigned'),
      nowMs: (START + 1_000) * 1000,
    }
    const { steps } = run(late)
    expect(steps.map((step) => step.kind)).toEqual(['Admit', 'Move', 'Expire'])
  })

  it('paces steps after a failure, but not the bookkeeping of an end', () => {
    const failed = { ...initial(), latest: view('Assigned'), finalized: view('Assigned') }
    const admittedWorld = run(failed, 2).world
    const paced = {
      ...admittedWorld,
      vm: { ...admittedWorld.vm!, nextAttemptMs: admittedWorld.nowMs + 5_000 },
    }
    expect(kinds(paced)).toEqual([])
    expect(kinds({ ...paced, nowMs: paced.nowMs + 5_000 })).toEqual(['OpenManifest'])
  })

  it('purges a disk only when its quarantine is over', () => {
    const gone = run({
      ...running,
      latest: view('Ended'),
      finalized: view('Ended'),
      storageEnded: true,
    }).world
    const at = (quarantinedAt: number) =>
      plan({
        ...situationOf({ ...gone, vm: { ...gone.vm!, endConfirmedMs: 0 } }),
        aside: [{ leaseId: LEASE, path: '/d', quarantinedAt, install: 0 }],
      }).map((step) => step.kind)
    const nowS = Math.floor(gone.nowMs / 1000)
    expect(at(nowS - 72 * 3600 + 1)).toEqual([])
    expect(at(nowS - 72 * 3600)).toEqual(['PurgeDisk'])
  })

  it('makes a running guest follow a newer manifest once, and a reinstall the whole of it', () => {
    const posted = { ...running, manifest: OLD_SPEC }
    const { world, steps } = run(posted)
    expect(steps.map(({ kind }) => kind)).toEqual(['UpdateAccess'])
    expect(run(world).steps).toEqual([])
    const wish = { ...NO_WISH, reinstallAtMs: world.nowMs }
    const anew = run({ ...world, wish }).steps.map(({ kind }) => kind)
    expect(anew.indexOf('OpenManifest')).toBeGreaterThan(anew.indexOf('QuarantineDisk'))
    expect(anew.indexOf('OpenManifest')).toBeLessThan(anew.indexOf('CreateDisk'))
    expect(anew.at(-1)).toBe('UpdateAccess')
  })

  it('keeps the keys of a lease as long as a disk of it, and no longer', () => {
    const ended = { latest: view('Ended'), finalized: view('Ended'), storageEnded: true }
    const gone = run({ ...running, ...ended }).world
    expect(gone).toMatchObject({ keys: true, disk: false, vm: { status: 'Deleted' } })
    const later = { ...gone, nowMs: gone.nowMs + 72 * 3_600_000 }
    expect(run(later).steps.map(({ kind }) => kind)).toEqual(['PurgeDisk', 'ForgetKeys'])
    expect(run({ ...later, fresh: false }).steps).toEqual([])
    // Another lease of the tenant has taken the disk over.
    expect(run({ ...gone, aside: [] }).steps.map(({ kind }) => kind)).toEqual(['ForgetKeys'])
  })
})
