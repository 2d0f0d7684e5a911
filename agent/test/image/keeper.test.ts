import { describe, expect, test, vi } from 'vitest'
import { toForget } from '../../src/image/collect.ts'
import { keepRoom, shortage, spaceOf } from '../../src/image/keeper.ts'

const GIB = 1024 ** 3

describe('room for disks', () => {
  test.each([
    [{ freeBytes: 100 * GIB, totalBytes: 1000 * GIB }, 0],
    [{ freeBytes: 30 * GIB, totalBytes: 1000 * GIB }, 0],
    [{ freeBytes: 29 * GIB, totalBytes: 1000 * GIB }, GIB],
    [{ freeBytes: 10 * GIB, totalBytes: 100 * GIB }, 5 * GIB],
    [{ freeBytes: 0, totalBytes: 20 * GIB }, 3 * GIB],
  ])('%o lacks %d bytes', (space, expected) => {
    expect(shortage(space)).toBe(expected)
  })

  test('is made while it lacks, an error is told and tried again, and nothing goes on after the end', async () => {
    vi.useFakeTimers()
    try {
      const asked: number[] = []
      const told: string[] = []
      const say = (_: object, message: string) => void told.push(message)
      let space = { freeBytes: 0, totalBytes: 20 * GIB }
      const keeper = keepRoom({
        images: {
          collect: async (bytes) => {
            asked.push(bytes)
            if (asked.length === 1) throw new Error('a disk cannot be read')
            return bytes
          },
        },
        space: async () => space,
        log: { info: say, warn: say, error: say },
        everyMs: 1_000,
      })
      await vi.advanceTimersByTimeAsync(1_000)
      expect(asked).toEqual([3 * GIB, 3 * GIB])
      expect(told).toEqual([
        expect.stringContaining('no image can be removed'),
        expect.stringContaining('were removed to make room'),
      ])
      space = { freeBytes: 10 * GIB, totalBytes: 20 * GIB }
      await vi.advanceTimersByTimeAsync(3_000)
      expect(asked).toHaveLength(2)
      await keeper.close()
      space = { freeBytes: 0, totalBytes: 20 * GIB }
      await vi.advanceTimersByTimeAsync(5_000)
      expect(asked).toHaveLength(2)
    } finally {
      vi.useRealTimers()
    }
  })

  test('is read from the file system', async () => {
    const { freeBytes, totalBytes } = await spaceOf('/')()
    expect(totalBytes).toBeGreaterThanOrEqual(freeBytes)
    expect(freeBytes).toBeGreaterThan(0)
  })
})

describe('what is forgotten', () => {
  const one = (id: string, lastUsedMs: number, inUse = false) => ({ id, lastUsedMs, inUse, bytes: 10 })
  const all = [one('c', 300), one('a', 100), one('used', 1, true), one('b', 200)]
  test.each([
    [0, 0, []],
    [1, 0, ['a']],
    [11, 0, ['a', 'b']],
    [1_000, 0, ['a', 'b', 'c']],
    [1_000, 750, ['a', 'b']],
  ])('%d bytes with a grace of %d ms: %j', (bytes, graceMs, expected) => {
    expect(toForget(all, { bytes, nowMs: 1_000, graceMs }).map(({ id }) => id)).toEqual(expected)
  })
})
