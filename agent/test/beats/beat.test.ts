import { MAX_BEAT_LEASES } from '@decloud/protocol/wire/heartbeat'
import type { Hex } from 'viem'
import { describe, expect, it } from 'vitest'
import { freeOf, servicesOf } from '../../src/beats/beat.ts'
import { admitted, type VmRecord } from '../../src/domain/vm.ts'

const id = (i: number): Hex => `0x${i.toString(16).padStart(64, '0')}`
const facts = { bootId: 'b', ipv4: '10.0.0.2', sshHostKey: 'k', sshHostKeyFingerprint: '0x00' as Hex }
const vm = (i: number, change: Partial<VmRecord> = {}): VmRecord => ({ ...admitted(id(i), 0, 1), ...change })
const ready = (i: number) => vm(i, { status: 'Running', phase: 'Running', facts })

describe('what a beat says of guests', () => {
  it('is how they are now, in order, without those that are gone', () => {
    const { leases, omitted } = servicesOf([
      ready(5),
      vm(4, { status: 'Provisioning', phase: 'Booting' }),
      vm(3, { status: 'Stopped', phase: 'Stopping', facts }),
      vm(2, { status: 'Error', reason: { code: 'guest-failed', message: 'no network' } }),
      vm(1, { status: 'Deleted', phase: 'Gone' }),
      vm(0, { status: 'Deleting', phase: 'Gone' }),
    ])
    expect(leases).toEqual([
      { leaseId: id(2), state: 'Failed' },
      { leaseId: id(3), state: 'Pending' },
      { leaseId: id(4), state: 'Checking' },
      { leaseId: id(5), state: 'Ready' },
    ])
    expect(omitted).toBe(0)
  })

  it('names those that are not ready first, where there are too many', () => {
    const many = Array.from({ length: MAX_BEAT_LEASES + 6 }, (_, i) => ready(i))
    many.push(vm(900, { status: 'Provisioning', phase: 'Booting' }))
    const { leases, omitted } = servicesOf(many)
    expect(leases).toHaveLength(MAX_BEAT_LEASES)
    expect(omitted).toBe(7)
    expect(leases.at(-1)).toEqual({ leaseId: id(900), state: 'Checking' })
    expect(leases.map(({ leaseId }) => leaseId)).toEqual(leases.map(({ leaseId }) => leaseId).toSorted())
  })

  it('counts what is free in whole units', () => {
    expect(freeOf(1_023.9, 3 * 2 ** 30 + 1)).toEqual({ memoryMiB: 1_023, diskGiB: 3 })
    expect(freeOf(2 ** 40, 2 ** 80)).toEqual({ memoryMiB: 2 ** 32 - 1, diskGiB: 2 ** 32 - 1 })
  })
})
