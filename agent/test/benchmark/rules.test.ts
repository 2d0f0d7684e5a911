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
  it('does not believe runs that had to share their core, even when they agree', () => {
    const shared = Array.from({ length: 30 }, () => ({ eventsPerSecond: 500, cpuShare: 0.5 }))
    expect(verdictOf(shared)).toEqual({ eventsPerSecond: 500, steady: false })
    expect(verdictOf([...shared, ...alone(1_000, 1_005)])).toEqual({ eventsPerSecond: 1_005, steady: true })
  })
  it('of a machine with one true speed is within 1 % of it, however many runs others disturb', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.3, max: 0.9, noNaN: true }), { maxLength: 20 }),
        fc.double({ min: 500, max: 10_000, noNaN: true }),
        (disturbed, speed) => {
          const runs = disturbed.map((share) => ({ eventsPerSecond: speed * share, cpuShare: share }))
          const verdict = verdictOf([
            ...runs,
            ...alone(speed, speed * 0.995, speed * 0.993, speed * 0.99, speed * 0.991),
          ])
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

0m0.000000s 0m0.000000s
0m0.480000s 0m0.010000s
`

describe('sysbench', () => {
  it('says how fast it was, and the shell how much of a core it had', () => {
    const run = cpuRunOf(CPU, 1)
    expect(run).toEqual({ value: { eventsPerSecond: 4_961.74, cpuShare: expect.closeTo(0.49, 3) } })
    expect(cpuRunOf(CPU, 2)).toEqual({
      value: { eventsPerSecond: 4_961.74, cpuShare: expect.closeTo(0.245, 3) },
    })
  })
  it.each([
    '',
    'Killed\n',
    CPU.replace('4961.74', 'nan'),
    CPU.replace('4961.74', '0.00'),
    CPU.replace('1.0002s', '0.0000s'),
    CPU.split('\n').slice(0, 9).join('\n'),
    CPU.replace('0m0.480000s', 'forever'),
  ])('that prints %j is not believed', (text) => expect(cpuRunOf(text, 1)).toEqual(isUnknown))
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
