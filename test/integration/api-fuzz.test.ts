// A little of `npm run fuzz -- api` on every run; the rest is a command away.
import { expect, it } from 'vitest'
import { fuzzApi } from '../fuzz/api/fuzz.ts'
import { growthOf, MOST_GROWTH } from '../fuzz/api/heap.ts'

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31)

it(`answers what it declares, and never 5xx, to generated requests (SEED=${seed})`, async () => {
  const result = await fuzzApi({ seed, requests: 30, onProgress: () => {} })
  expect(result.failures).toEqual([])
  expect(result.routes).toBeGreaterThan(40)
  expect(growthOf(result.heap)).toBeLessThan(MOST_GROWTH)
}, 600_000)
