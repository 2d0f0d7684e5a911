// What a stranger runs first, whole, on simulated guests: the same flow and the same books as with real ones.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const DEMO = fileURLToPath(new URL('../../scripts/demo/main.ts', import.meta.url))

it('the demo leases, closes, settles and withdraws, and its books balance to the unit', async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [DEMO, '--simulated', '--json'], {
    timeout: 110_000,
  })
  expect(stdout.split('\n').filter((line) => line !== '')).toHaveLength(1)
  const result = JSON.parse(stdout)
  expect(result.difference).toBe(0)
  expect(result.refund).toBeGreaterThan(0)
  expect(result.bill).toBeGreaterThan(0)
  expect(result.bill).toBe(result.expectedBill)
  expect(result.withdrawn).toBe(result.bill)
  expect(stderr).toContain('the operator withdraws')
})
