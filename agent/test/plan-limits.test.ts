import { expect, it } from 'vitest'
import { plan } from '../src/domain/plan.ts'
import { LIMITS, type Situation } from '../src/domain/situation.ts'
import { admitted, type VmRecord } from '../src/domain/vm.ts'
import { NO_WISH } from '../src/domain/wish.ts'

const NOW = 1_800_000_000_000
const FACTS = { bootId: 'b', ipv4: '10.0.0.2', sshHostKey: 'k', sshHostKeyFingerprint: '0x01' } as const
const NEW = { shaped: false, tuned: false }
const TENDED = { shaped: true, tuned: true }

const situation = (
  vm: Partial<VmRecord>,
  tended: Situation['tended'],
  changed: Partial<Situation> = {},
): Situation => ({
  nowMs: NOW,
  chainNowMs: NOW,
  fresh: true,
  wish: NO_WISH,
  aside: [],
  offered: [],
  outage: null,
  offSinceMs: null,
  target: { kind: 'run', activated: vm.status === 'Running' },
  vm: {
    ...admitted('0xa1', NOW, NOW + 60_000, NO_WISH),
    image: 'tiny',
    manifestSeen: '0x02',
    checkedMs: NOW,
    ...vm,
  },
  domain: { leaseId: '0xa1', generation: 1, specHash: '0x01', state: 'running' },
  disk: { leaseId: '0xa1', path: '/d', quarantinedAt: null, install: 0 },
  seed: true,
  keys: true,
  specHash: '0x01',
  manifestHash: '0x02',
  activateByMs: NOW + 900_000,
  limits: LIMITS,
  ...(tended === undefined ? {} : { tended }),
  ...changed,
})

const kinds = (s: Situation) => plan(s).map(({ kind }) => kind)

it('a booting guest is shaped at once and not capped until it is Ready', () => {
  expect(kinds(situation({ status: 'Provisioning' }, NEW))).toEqual(['Shape', 'CheckReady'])
  expect(kinds(situation({ status: 'Provisioning' }, { shaped: true, tuned: false }))).toEqual(['CheckReady'])
  const ready = situation({ status: 'Provisioning', facts: FACTS }, { shaped: true, tuned: false })
  expect(kinds(ready)).toEqual(['Tune', 'Activate'])
})

it('a guest that runs under unknown limits gets them at once: after a restart of it, of libvirtd, of the agent', () => {
  expect(kinds(situation({ status: 'Running', facts: FACTS }, NEW))).toEqual(['Shape', 'Tune'])
  expect(kinds(situation({ status: 'Running', facts: null }, NEW))).toEqual(['Shape', 'Tune'])
  expect(kinds(situation({ status: 'Running', facts: FACTS }, TENDED))).toEqual([])
})

it('every recheck reads the limits again', () => {
  const due = { checkedMs: NOW - LIMITS.recheckMs, status: 'Running', facts: FACTS } as const
  expect(kinds(situation(due, TENDED))).toEqual(['Shape', 'Tune', 'CheckReady'])
})

it('a deadline that passes comes first, and a guest that is taken down or refused is left alone', () => {
  const late = situation({ status: 'Provisioning', deadlineMs: NOW }, NEW)
  expect(kinds(late)).toEqual(['Move'])
  expect(kinds(situation({ status: 'Error', refused: true }, NEW))).toEqual([])
  const ended = situation({ status: 'Running' }, NEW, { target: { kind: 'release' } })
  expect(kinds(ended)).toEqual(['ConfirmEnd'])
  const off = situation({ status: 'Running' }, NEW, {
    domain: { leaseId: '0xa1', generation: 1, specHash: '0x01', state: 'stopped' },
  })
  expect(kinds(off)).not.toContain('Shape')
})
