import { tmpdir } from 'node:os'
import { expect, it } from 'vitest'
import { makeMachine } from '../src/lib/machine.ts'

it('reads what this machine has and has free, in plausible amounts', async () => {
  const machine = makeMachine(tmpdir(), 1)
  const { memoryMiB, diskBytes, cpus } = await machine.totals()
  expect(memoryMiB).toBeGreaterThan(256)
  expect(await machine.availableMemoryMiB()).toBeLessThanOrEqual(memoryMiB!)
  expect(await machine.availableDiskBytes()).toBeLessThanOrEqual(diskBytes!)
  expect(cpus).toBeGreaterThanOrEqual(1)
})

it('what cannot be read is unknown, never nothing', async () => {
  const machine = makeMachine('/no/such/folder', 1)
  expect((await machine.totals()).diskBytes).toBeNull()
  await expect(machine.availableDiskBytes()).rejects.toThrow()
})
