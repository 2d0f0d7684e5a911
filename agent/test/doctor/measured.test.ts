import { benchmarkFactsSchema, probeFactsSchema } from '@decloud/protocol/wire/facts'
import { describe, expect, it } from 'vitest'
import { judgeBenchmark, judgeProbe } from '../../src/doctor/measured.ts'

const none = { unknown: 'Not asked.' }
const measured = (change: object) =>
  benchmarkFactsSchema.parse({
    ...{ takenAt: 1, baseline: 'b', eventsPerSecond: 1, runs: 5, steady: true, pointUnits: { value: 100 } },
    ...{ allThreads: none, memoryMiBPerSecond: none, diskMiBPerSecond: none, diskSyncMs: none },
    ...change,
  })
const probed = (change: object) =>
  probeFactsSchema.parse({
    ...{ takenAt: 1, outcome: 'passed', acceleration: 'kvm', kvm: 'boots', image: 'tiny', imageSha256: null },
    ...{ secondsToReady: 4, message: 'A guest was ready.', ...change },
  })

describe('the doctor on what was measured', () => {
  it.each([
    [100, {}, 'ok'],
    [109, {}, 'ok'],
    [120, {}, 'points-short'],
    [80, {}, 'points-unused'],
    [100, { steady: false }, 'benchmark-unsteady'],
    [100, { pointUnits: none }, 'benchmark-unsteady'],
  ])('%i registered, %o: %s', (registered, change, code) => {
    const finding = judgeBenchmark(measured(change), registered)
    expect(finding.code).toBe(code)
    expect(finding.todo === '').toBe(code === 'ok')
  })

  it.each([
    [{}, 'auto', 'ok'],
    [{ outcome: 'failed', acceleration: null }, 'auto', 'probe-failed'],
    [{ acceleration: 'tcg', kvm: 'never-boots' }, 'auto', 'kvm-never-boots'],
    [{ acceleration: 'tcg', kvm: 'never-boots' }, 'kvm', 'kvm-never-boots'],
    [{ acceleration: 'tcg', kvm: 'never-boots' }, 'tcg', 'ok'],
    [{ outcome: 'simulated', acceleration: null, kvm: 'not-tried' }, 'auto', 'ok'],
  ] as const)('probe %o under %s: %s', (change, acceleration, code) => {
    expect(judgeProbe(probed(change), acceleration).map((finding) => finding.code)).toEqual([code])
  })
})
