import { pointUnitsOf } from '@decloud/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cpuTimesOf } from '../../src/benchmark/busy.ts'
import { cpuRunOf, memorySpeedOf, versionOf } from '../../src/benchmark/sysbench.ts'
import { comparePoints, LEAST_RUNS, nextBenchmarkMs, verdictOf } from '../../src/domain/benchmark.ts'

const isUnknown = { unknown: expect.stringMatching(/\S.*\.$/) }
const alone = (...speeds: number[]) => speeds.map((eventsPerSecond) => ({ eventsPerSecond, cpuShare: 1 }))

describe('the verdict', () => {
  it('is steady when the two best agree within one percent', () => {
    expect(verdictOf(alone(1_000, 700, 991, 800, 650))).toEqual({ eventsPerSecond: 1_000, steady: true })
    expect(verdictOf(alone(1_000, 700, 989, 800, 650))).toEqual({ eventsPerSecond: 1_000, steady: false })
  })
  it('is not steady before the least number of runs, whatever they say', () => {
    expect(verdictOf(alone(...Array(LEAST_RUNS - 1).fill(1_000))).steady).toBe(false)
    expect(verdictOf(alone(...Array(LEAST_RUNS).fill(1_000))).steady).toBe(true)
  })
  it('does not count runs that were too short to be measured, even when they agree', () => {
    const starved = Array.from({ length: 30 }, () => ({ eventsPerSecond: 1_500, cpuShare: 0.1 }))
    expect(verdictOf(starved)).toEqual({ eventsPerSecond: 1_500, steady: false })
    expect(verdictOf([...starved, ...alone(1_000, 1_005, 990, 980)])).toEqual({
      eventsPerSecond: 1_005,
      steady: false,
    })
    expect(verdictOf([...starved, ...alone(1_000, 1_005, 990, 980, 970)])).toEqual({
      eventsPerSecond: 1_005,
      steady: true,
    })
  })
  it('of a machine with one true speed is within 1 % of it, however many runs others slow down', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.3, max: 0.98, noNaN: true }), { maxLength: 20 }),
        fc.double({ min: 500, max: 10_000, noNaN: true }),
        (slowed, speed) => {
          const runs = [...slowed, 1, 0.995, 0.993, 0.99, 0.991].map((part) => speed * part)
          const verdict = verdictOf(alone(...runs))
          expect(verdict.steady).toBe(true)
          expect(Math.abs(verdict.eventsPerSecond / speed - 1)).toBeLessThan(0.01)
        },
      ),
    )
  })
})

describe('compute points', () => {
  it('are the core’s speed over the baseline’s, times the cores, in twelfths, rounded down', () => {
    expect(pointUnitsOf(1_000, 1)).toBe(12)
    expect(pointUnitsOf(5_158.02, 2)).toBe(123)
    expect(pointUnitsOf(999.99, 1)).toBe(11)
    expect(pointUnitsOf(83, 1)).toBe(0)
  })
  it('differ from what is registered when they do so by more than a tenth', () => {
    expect([89, 90, 100, 110, 111].map((measured) => comparePoints(measured, 100))).toEqual([
      ...['less', 'same', 'same', 'same', 'more'],
    ])
  })
  it('are measured again after the time given, a tenth earlier or later', () => {
    expect([0, 0.5, 0.999999].map((random) => nextBenchmarkMs(1_000, 100, random))).toEqual([
      1_090, 1_100, 1_110,
    ])
  })
})

const CPU = `sysbench 1.0.20 (using system LuaJIT 2.1.0-beta3)

CPU speed:
    events per second:  4961.74

General statistics:
    total time:                          1.0002s
    total number of events:              4965

cpu 0.502 0.010
`

describe('sysbench', () => {
  it('says how fast it was, and the shell how much of a core it had', () => {
    // 4965 events in half a second of a core, though a whole one passed.
    const run = { eventsPerSecond: expect.closeTo(9_930, 6), cpuShare: expect.closeTo(0.4999, 4) }
    expect(cpuRunOf(CPU, 1, 0.012)).toEqual({ value: run })
    expect(cpuRunOf(CPU, 2, 0.012)).toEqual({ value: { ...run, cpuShare: expect.closeTo(0.24995, 5) } })
  })
  it.each([
    '',
    'Killed\n',
    CPU.replace('4965', 'nan'),
    CPU.replace('4965', '0'),
    CPU.replace('1.0002s', '0.0000s'),
    CPU.split('\n').slice(0, 9).join('\n'),
    CPU.replace('cpu 0.502', 'cpu forever'),
    CPU.replace('cpu 0.502', 'cpu 0.001'),
  ])('that prints %j is not believed', (text) => expect(cpuRunOf(text, 1, 0.012)).toEqual(isUnknown))
  it('of another age counts otherwise', () => {
    expect(versionOf('sysbench 1.0.20\n')).toEqual({ value: '1.0.20' })
    expect(versionOf('sysbench 0.4.12:  multi-threaded system evaluation benchmark')).toEqual(isUnknown)
    expect(versionOf('command not found')).toEqual(isUnknown)
  })
  it('says how fast the memory is', () => {
    expect(memorySpeedOf('30299.00 MiB transferred (30267.23 MiB/sec)')).toEqual({ value: 30_267.23 })
    expect(memorySpeedOf('0.00 MiB transferred (0.00 MiB/sec)')).toEqual(isUnknown)
  })
})

describe('/proc/stat', () => {
  it('counts waiting for a disk as idle, and guests once', () => {
    const text = 'cpu  100 10 50 800 30 5 5 0 60 4\ncpu0 50 5 25 400 15 2 3 0 30 2\n'
    expect(cpuTimesOf(text)).toEqual({ busy: 170, all: 1_000 })
  })
  it.each(['', 'cpu\n', 'intr 1 2 3', 'cpu 1 2'])('%j says nothing', (text) =>
    expect(cpuTimesOf(text)).toBeNull(),
  )
})
