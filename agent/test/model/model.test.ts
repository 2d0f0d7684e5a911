// Some thousands of random steps, in shares that each start from an empty node; the last seed is new every time, but in CI,
// which judges a change and not its luck. `npm run test:agent` goes on to ten thousand, main.ts to any number.
import { describe, expect, it } from 'vitest'
import { runModel } from './run.ts'
import { REGRESSIONS } from './seeds.ts'

const SHARE = 1_000
const FIXED = [2, 3]
const fresh = process.env['CI'] === 'true' ? 4 : Math.floor(Math.random() * 2 ** 32)
const LIMIT_MS = 170_000

const check = async (seed: number, steps: number) => {
  const outcome = await runModel({ seed, steps })
  const again = `node agent/test/model/main.ts --seed ${seed} --steps ${outcome.steps}`
  expect(outcome.violations, `${again}\nafter ${outcome.trail.join(' ')}`).toEqual([])
  return outcome
}

describe('the agent under everything that can go wrong', { timeout: LIMIT_MS }, () => {
  it.each([...FIXED, fresh])(`keeps its promises for ${SHARE} steps of seed %i`, async (seed) => {
    const { steps, counts } = await check(seed, SHARE)
    expect(steps).toBe(SHARE)
    // A run in which little happens would prove little.
    expect(counts.starts).toBeGreaterThan(20)
    expect(counts.cuts).toBeGreaterThan(50)
  })

  it.each(REGRESSIONS)('keeps them where they were broken once: $found', async ({ seed, steps }) => {
    await check(seed, steps)
  })

  it('is the same run for the same seed', async () => {
    const [one, two] = [await runModel({ seed: 9, steps: 300 }), await runModel({ seed: 9, steps: 300 })]
    expect(two).toEqual(one)
  })
})
