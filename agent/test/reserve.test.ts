// Whose room a guest may take, and for whom it waits: the real ledger and the simulated machine, with a chain that says
// what the test wants it to.
import { openDatabase } from '@decloud/chain'
import type { LeaseView } from '@decloud/protocol'
import type { Hex } from 'viem'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LeaseSight } from '../src/domain/desired.ts'
import { admitted, type VmRecord } from '../src/domain/vm.ts'
import { NO_WISH } from '../src/domain/wish.ts'
import { makeFakeHypervisor } from '../src/hypervisor/fake/driver.ts'
import { SimulatedMachine } from '../src/hypervisor/fake/machine.ts'
import type { Deps } from '../src/reconcile/ports.ts'
import { reserve } from '../src/reconcile/resources.ts'
import { makeVmStore } from '../src/state/vm-store.ts'
import { leaseView } from './helpers/lease-view.ts'
import { PLENTIFUL, simulatedResources, UNITS_PER_VCPU } from './helpers/resources.ts'
import { paperSpec } from './hypervisor/spec.ts'

const SILENT = { info: () => {}, warn: () => {}, error: () => {} }
const HERE = 1
const NOW_MS = 1_000_000
const [OLD, NEW]: readonly [Hex, Hex] = [`0x${'a1'.repeat(32)}`, `0x${'b2'.repeat(32)}`]

/** The whole of the node's memory, whoever has it. */
const wholeNode = (leaseId: Hex, change: Partial<LeaseView> = {}) =>
  leaseView(leaseId, {
    terms: { vcpus: 1, tier: 1, gpus: 0, memoryMiB: 1_024, diskGiB: 3 } as LeaseView['terms'],
    ...change,
  })

describe('the room for a guest', () => {
  let stack: DisposableStack
  let deps: Deps
  let fresh: boolean
  const sights = new Map<Hex, LeaseSight>()

  beforeEach(async () => {
    stack = new DisposableStack()
    fresh = true
    sights.clear()
    const db = stack.adopt(openDatabase(':memory:'), (open) => open.close())
    const hypervisor = makeFakeHypervisor(new SimulatedMachine(), 'test')
    await hypervisor.ensureNetwork({ name: 'decloud', subnet: '10.77.0.0/24', mode: 'nat' })
    const offered = { pointUnits: 96, memoryMiB: 1_024, diskGiB: 100, gpus: 0 }
    const resources = simulatedResources(db, hypervisor, SILENT, {
      offer: async () => ({ offered, unitsPerVcpu: UNITS_PER_VCPU }),
    })
    stack.defer(() => resources.tending.close())
    deps = {
      ...{ hypervisor, resources, machine: PLENTIFUL, store: makeVmStore(db), log: SILENT },
      chain: { node: HERE, snapshot: () => ({ fresh, chainNow: 1, leases: sights }) },
      nowMs: () => NOW_MS,
    } as unknown as Deps // what it asks for, and no more
  })
  afterEach(() => stack.dispose())

  const shows = (leaseId: Hex, change: Partial<LeaseView>) => {
    const latest = wholeNode(leaseId, change)
    sights.set(leaseId, { latest, finalized: latest })
  }
  const record = (change: Partial<VmRecord>) =>
    deps.store.put({
      ...admitted(OLD, NOW_MS, NOW_MS, NO_WISH),
      ...change,
    })
  const takes = (leaseId: Hex, promised = false) => reserve(deps, wholeNode(leaseId), !promised)
  const code = (attempt: Promise<void>) =>
    attempt.then(
      () => 'taken',
      (error: { code: string }) => error.code,
    )
  const holders = () => deps.resources.ledger.all().map(({ leaseId }) => leaseId)
  const runs = async () => {
    await deps.hypervisor.define(paperSpec(OLD))
    await deps.hypervisor.start(OLD)
  }

  it('is waited for while one whose lease is over still has it, also by a lease that is promised its own', async () => {
    await takes(OLD)
    shows(OLD, { status: 'Ended' })
    expect(await code(takes(NEW))).toBe('room-awaited')
    expect(await code(takes(NEW, true))).toBe('room-awaited')
    expect(holders()).toEqual([OLD])
    deps.resources.ledger.release(OLD)
    expect(await code(takes(NEW))).toBe('taken')
    expect(holders()).toEqual([NEW])
  })

  it('is not waited for while one that stays has it: a new lease is refused, and one that was promised books beside', async () => {
    await takes(OLD)
    shows(OLD, { status: 'Active' })
    expect(await code(takes(NEW))).toBe('does-not-fit')
    expect(holders()).toEqual([OLD])
    expect(await code(takes(NEW, true))).toBe('taken')
    expect(holders()).toEqual([OLD, NEW])
  })

  it('is waited for while a guest whose lease is nowhere is at work: nobody stops it on absence', async () => {
    await takes(OLD)
    await runs()
    for (const promised of [false, true]) expect(await code(takes(NEW, promised))).toBe('room-awaited')
    sights.set(OLD, { latest: undefined, finalized: undefined })
    expect(await code(takes(NEW, true))).toBe('room-awaited')
    shows(OLD, { status: 'Active', node: HERE + 1 })
    expect(await code(takes(NEW)), 'a lease of another node').toBe('room-awaited')
    expect(holders()).toEqual([OLD])
    expect(await deps.hypervisor.list()).toMatchObject([{ leaseId: OLD, state: 'running' }])
    // As a person does who has looked at it.
    await deps.hypervisor.destroy(OLD)
    await deps.hypervisor.undefine(OLD)
    expect(await code(takes(NEW))).toBe('taken')
    expect(holders()).toEqual([NEW])
  })

  it('is free when neither the chain nor the machine has anything of who booked it', async () => {
    await takes(OLD)
    record({ status: 'Error' })
    fresh = false
    expect(await code(takes(NEW)), 'on a view of the chain that is not current').toBe('room-awaited')
    fresh = true
    record({ status: 'Provisioning', deadlineMs: NOW_MS + 1 })
    expect(await code(takes(NEW)), 'while it may be about to start').toBe('room-awaited')
    record({ status: 'Provisioning', deadlineMs: NOW_MS })
    expect(await code(takes(NEW, true))).toBe('taken')
    expect(holders()).toEqual([NEW])
  })
})
