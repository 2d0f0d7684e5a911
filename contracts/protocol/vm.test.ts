import { describe, expect, it } from 'vitest'
import { canMove, edgesFrom, move, VM_STATUSES, type VmStatus } from './vm.ts'

// Written out again on purpose, pair by pair: the table in vm.ts must not be its own witness.
const ALLOWED = new Set(
  `Pending>Scheduling Pending>Provisioning Pending>Error Pending>Deleting
   Scheduling>Provisioning Scheduling>Pending Scheduling>Error Scheduling>Deleting
   Provisioning>Running Provisioning>Error Provisioning>Deleting
   Running>Stopping Running>Stopped Running>Error Running>Deleting
   Stopping>Stopped Stopping>Running Stopping>Error Stopping>Deleting
   Stopped>Provisioning Stopped>Running Stopped>Deleting Stopped>Error
   Error>Provisioning Error>Running Error>Stopped Error>Deleting
   Deleting>Deleted Deleting>Error`.split(/\s+/),
)

describe('the VM state machine', () => {
  const pairs = VM_STATUSES.flatMap((from) => VM_STATUSES.map((to): [VmStatus, VmStatus] => [from, to]))

  it.each(pairs)('%s → %s', (from, to) => {
    const allowed = ALLOWED.has(`${from}>${to}`)
    expect(canMove(from, to)).toBe(allowed)
    if (allowed) expect(move(from, to)).toBe(to)
    else expect(() => move(from, to)).toThrowError(`cannot go from ${from} to ${to}`)
  })

  it('reaches Deleted from everywhere and leaves it nowhere', () => {
    expect(edgesFrom('Deleted')).toEqual([])
    for (const from of VM_STATUSES) {
      const seen = new Set<VmStatus>([from])
      for (const status of seen) for (const next of edgesFrom(status)) seen.add(next)
      expect(seen.has('Deleted')).toBe(true)
    }
  })
})
