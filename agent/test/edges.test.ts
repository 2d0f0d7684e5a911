// Each edge of the state machine by name: what takes it, or that this agent does not. An edge without a line fails here,
// and so does a line without an edge.
import { edgesFrom, move, TRANSIENT, VM_STATUSES, type VmStatus } from '@decloud/protocol'
import { describe, expect, it } from 'vitest'
import type { Target } from '../src/domain/desired.ts'
import { plan } from '../src/domain/plan.ts'
import { LIMITS, type Situation } from '../src/domain/situation.ts'
import { admitted, moved, type VmRecord } from '../src/domain/vm.ts'
import { NO_WISH } from '../src/domain/wish.ts'
import type { DomainState } from '../src/ports/hypervisor.ts'

const LEASE = `0x${'ab'.repeat(32)}` as const
const HASH = `0x${'01'.repeat(32)}` as const
const NOW = 1_800_000_000_000
const RUN: Target = { kind: 'run', activated: true }
const RELEASE: Target = { kind: 'release' }
const HOLD: Target = { kind: 'hold', reason: { code: 'depleted', message: 'The paid time is used up.' } }
const WAIT: Target = { kind: 'wait', reason: { code: 'activation-deadline', message: 'Too late.' } }
const UNKNOWN: Target = { kind: 'unknown' }
const FACTS = { bootId: 'b', ipv4: '10.77.0.2', sshHostKey: 'ssh-ed25519 AA', sshHostKeyFingerprint: HASH }

type Given = Partial<Omit<Situation, 'vm' | 'domain'>> & {
  vm?: Partial<VmRecord>
  domain?: DomainState | null
}

const record = (status: VmStatus, change: Partial<VmRecord>): VmRecord => ({
  ...admitted(LEASE, NOW, NOW + 60_000),
  status,
  deadlineMs: TRANSIENT.has(status) ? NOW + 60_000 : null,
  image: 'debian-12',
  manifestSeen: HASH,
  checkedMs: NOW,
  ...change,
})

const situation = (from: VmStatus, { vm = {}, domain = null, ...given }: Given): Situation => ({
  nowMs: NOW,
  chainNowMs: NOW,
  fresh: true,
  target: RUN,
  wish: NO_WISH,
  vm: record(from, vm),
  domain: domain === null ? null : { leaseId: LEASE, generation: 1, specHash: HASH, state: domain },
  disk: { leaseId: LEASE, path: '/d', quarantinedAt: null, install: 0 },
  aside: [],
  offered: [],
  seed: true,
  keys: true,
  outage: null,
  offSinceMs: null,
  specHash: HASH,
  manifestHash: HASH,
  activateByMs: null,
  limits: LIMITS,
  ...given,
})

const ENDED = { endConfirmedMs: NOW }
const LATE = { deadlineMs: NOW }
const OFF = { ...NO_WISH, power: 'off' } as const
const NOT_TAKEN = 'not taken'

type Case = readonly [name: string, given: Given | typeof NOT_TAKEN]

const CASES: Readonly<Record<string, Case>> = {
  'Pending → Scheduling': ['an agent schedules nothing', NOT_TAKEN],
  'Pending → Provisioning': [
    'the lease is assigned to this node',
    { target: { kind: 'run', activated: false } },
  ],
  'Pending → Error': ['the chain went out of sight until the deadline', { target: UNKNOWN, vm: LATE }],
  'Pending → Deleting': ['the lease ended before anything was made', { target: RELEASE, vm: ENDED }],
  'Scheduling → Provisioning': ['the lease is assigned to this node', {}],
  'Scheduling → Pending': ['an agent schedules nothing', NOT_TAKEN],
  'Scheduling → Error': ['the chain went out of sight until the deadline', { target: UNKNOWN, vm: LATE }],
  'Scheduling → Deleting': ['the lease ended', { target: RELEASE, vm: ENDED }],
  'Provisioning → Running': ['the guest is ready and active', { domain: 'running', vm: { facts: FACTS } }],
  'Provisioning → Error': ['it did not become ready in the time allowed', { domain: 'running', vm: LATE }],
  'Provisioning → Deleting': ['the lease ended meanwhile', { target: RELEASE, vm: ENDED, domain: 'running' }],
  'Running → Stopping': ['its tenant ordered a stop', { domain: 'running', wish: OFF }],
  'Running → Stopped': ['it went off by itself', { domain: 'crashed' }],
  'Running → Error': ['a running guest is never given up', NOT_TAKEN],
  'Running → Deleting': ['the lease ended', { target: RELEASE, vm: ENDED, domain: 'running' }],
  'Stopping → Stopped': ['the guest is off', { domain: 'stopped', wish: OFF }],
  'Stopping → Running': ['the stop was withdrawn in time', { domain: 'running' }],
  'Stopping → Error': ['a guest that does not stop has its power cut', NOT_TAKEN],
  'Stopping → Deleting': ['the lease ended', { target: RELEASE, vm: ENDED, domain: 'running' }],
  'Stopped → Provisioning': ['its tenant, or a top-up, starts it again', { domain: 'stopped' }],
  'Stopped → Running': ['somebody else started it', { domain: 'running', target: HOLD }],
  'Stopped → Deleting': ['the lease ended', { target: RELEASE, vm: ENDED, domain: 'stopped' }],
  'Stopped → Error': ['a guest that is off has nothing that could fail', NOT_TAKEN],
  'Error → Provisioning': ['it is tried again after the backoff', {}],
  'Error → Running': ['only a start, and what it reports, proves that a guest runs', NOT_TAKEN],
  'Error → Stopped': ['it is to be off, and is', { target: HOLD }],
  'Error → Deleting': ['the lease ended', { target: RELEASE, vm: ENDED }],
  'Deleting → Deleted': [
    'nothing is left but the disk in quarantine',
    { target: RELEASE, vm: ENDED, disk: null, seed: false },
  ],
  'Deleting → Error': [
    'a step of it failed until the deadline',
    { target: RELEASE, vm: { ...ENDED, ...LATE, attempts: 3 }, domain: 'stopped' },
  ],
}

const nameOf = (from: VmStatus, to: VmStatus) => `${from} → ${to}`
const ALL = VM_STATUSES.flatMap((from) => VM_STATUSES.map((to) => ({ from, to })))
const EDGES = ALL.filter(({ from, to }) => edgesFrom(from).includes(to))

const movesOf = (s: Situation) => plan(s).flatMap((step) => (step.kind === 'Move' ? [step] : []))

describe('every edge of the state machine', () => {
  it('has its line here, and there is no line without an edge', () => {
    expect(Object.keys(CASES).sort()).toEqual(EDGES.map(({ from, to }) => nameOf(from, to)).sort())
  })

  it.each(EDGES.map(({ from, to }) => [nameOf(from, to), CASES[nameOf(from, to)]?.[0], from, to] as const))(
    '%s: %s',
    (name, _, from, to) => {
      const given = CASES[name]?.[1]
      if (given === undefined || given === NOT_TAKEN) {
        expect(move(from, to)).toBe(to)
        return
      }
      const [first] = movesOf(situation(from, given))
      expect(first?.to).toBe(to)
      const after = moved(record(from, given.vm ?? {}), first!, NOW)
      expect(TRANSIENT.has(to), 'a status that must pass has a deadline, no other has').toBe(
        after.deadlineMs !== null && TRANSIENT.has(to),
      )
    },
  )

  it('is never one that the table says is not taken, whatever the situation', () => {
    const situations = Object.values(CASES).flatMap(([, given]) => (given === NOT_TAKEN ? [] : [given]))
    for (const from of VM_STATUSES) {
      for (const given of [...situations, { target: WAIT }, { target: HOLD }, { target: UNKNOWN }]) {
        for (const { to } of movesOf(situation(from, given))) {
          if (to === from) continue
          expect(CASES[nameOf(from, to)]?.[1], nameOf(from, to)).toBeDefined()
          expect(CASES[nameOf(from, to)]?.[1], nameOf(from, to)).not.toBe(NOT_TAKEN)
        }
      }
    }
  })

  it.each(
    ALL.filter(({ from, to }) => !edgesFrom(from).includes(to)).map(({ from, to }) => [from, to] as const),
  )('%s → %s is refused', (from, to) => {
    const change = { to, phase: 'Waiting', reason: null, deadlineMs: null } as const
    expect(() => moved(record(from, {}), change, NOW)).toThrowError(
      expect.objectContaining({ code: 'vm-edge-refused' }),
    )
  })
})

describe('the deadline of every status that must pass', () => {
  it.each([
    ['Pending', UNKNOWN, null, 'Error'],
    ['Scheduling', UNKNOWN, null, 'Error'],
    ['Provisioning', UNKNOWN, null, 'Error'],
    ['Provisioning', RUN, 'running', 'Error'],
    ['Stopping', UNKNOWN, 'running', 'Running'],
    ['Stopping', UNKNOWN, 'stopped', 'Stopped'],
    ['Deleting', UNKNOWN, null, 'Error'],
    ['Pending', WAIT, null, 'Error'],
    ['Deleting', WAIT, null, 'Error'],
  ] as const)(
    'of %s, %o, guest %s: when it passes, it becomes %s with a reason',
    (from, target, domain, to) => {
      const early = movesOf(situation(from, { target, domain, vm: { deadlineMs: NOW + 1 } }))
      const inTime = target.kind === 'wait' && from !== 'Deleting' ? [to] : []
      expect(early.map((step) => step.to)).toEqual(inTime)
      const [step] = movesOf(situation(from, { target, domain, vm: LATE }))
      expect(step).toMatchObject({ to, reason: { code: expect.any(String), message: expect.any(String) } })
    },
  )

  it.each([
    ['Stopping', 'Destroy'],
    ['Deleting', 'Destroy'],
  ] as const)('of %s with a guest that does not listen: the power is cut', (from, kind) => {
    const target = from === 'Deleting' ? RELEASE : HOLD
    const given = {
      target,
      domain: 'running',
      vm: { ...ENDED, endConfirmedMs: from === 'Deleting' ? NOW : null },
    } as const
    expect(plan(situation(from, given)).map((step) => step.kind)).toEqual(['Shutdown'])
    const late = { ...given, vm: { ...given.vm, sinceMs: NOW - LIMITS.graceMs } }
    expect(plan(situation(from, late)).map((step) => step.kind)).toEqual([kind])
  })
})

describe('an outage', () => {
  it.each([
    ['that ran', 'Running', {}, 'crashed', { fromMs: NOW - 5_000, cause: 'crashed' }],
    [
      'activated, but not yet on record as running',
      'Provisioning',
      { facts: FACTS },
      'stopped',
      { fromMs: NOW - 5_000, cause: 'powered-off' },
    ],
    ['that never came up again', 'Error', {}, 'stopped', { cause: 'not-restarted' }],
  ] as const)('begins with the going off of a guest %s', (_, from, vm, domain, outage) => {
    const [first] = plan(situation(from, { vm, domain, offSinceMs: NOW - 5_000 }))
    expect(first).toMatchObject({ kind: 'BeginOutage', ...outage })
  })

  it.each([
    ['that is only starting', 'Provisioning', {}, {}],
    [
      'that was never activated',
      'Provisioning',
      { facts: FACTS },
      { target: { kind: 'run', activated: false } },
    ],
    ['stopped by its tenant', 'Running', {}, { wish: OFF }],
  ] as const)('is none of a guest %s', (_, from, vm, given) => {
    const steps = plan(situation(from, { vm, domain: 'stopped', offSinceMs: NOW - 5_000, ...given }))
    expect(steps.map(({ kind }) => kind)).not.toContain('BeginOutage')
  })
})
