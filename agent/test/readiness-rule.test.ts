import { checkOf } from '@decloud/protocol'
import { describe, expect, it } from 'vitest'
import {
  awaited,
  looked,
  nextLookAt,
  type Observation,
  overall,
  type ServiceStatus,
} from '../src/domain/readiness.ts'

const TIMEOUT = 300
const up: Observation = { kind: 'up' }
const down: Observation = { kind: 'down', message: '/ answers 502, not 2xx' }
const blind: Observation = { kind: 'unknown', message: 'the guest has no tool' }
const checks = [checkOf({ name: 'web', port: 80, protocol: 'http' })]
const waiting = awaited(checks, 0)[0]!

/** Looks at seconds, in order. */
const after = (...looks: readonly (readonly [second: number, seen: Observation])[]): ServiceStatus =>
  looks.reduce((status, [second, seen]) => looked(status, seen, TIMEOUT, second * 1_000), waiting)

describe('a service', () => {
  it('is Ready at its first good look, and since then', () => {
    expect(after([1, up], [61, up])).toEqual({
      ...{ name: 'web', state: 'Ready', message: null, sinceMs: 1_000, wasReady: true },
    })
  })

  it('has its time-out to come up, with what was last seen of it, and is TimedOut after that', () => {
    expect(after([1, down])).toMatchObject({ state: 'Checking', message: down.message, sinceMs: 1_000 })
    expect(after([1, down], [300, down])).toMatchObject({ state: 'Checking', sinceMs: 1_000 })
    expect(after([1, down], [301, down])).toMatchObject({
      state: 'TimedOut',
      message: down.message,
      sinceMs: 301_000,
    })
    expect(after([1, down], [301, down], [900, down])).toMatchObject({ state: 'TimedOut', sinceMs: 301_000 })
  })

  it('that was up goes back to Checking, and has Failed when it stays down', () => {
    expect(after([1, up], [61, down])).toMatchObject({ state: 'Checking', sinceMs: 61_000 })
    expect(after([1, up], [61, down], [361, down])).toMatchObject({ state: 'Failed', message: down.message })
  })

  it('recovers by itself, whatever it was called', () => {
    expect(after([1, down], [301, down], [400, up])).toMatchObject({
      state: 'Ready',
      message: null,
      sinceMs: 400_000,
    })
    expect(after([1, up], [61, down], [361, down], [400, up])).toMatchObject({
      state: 'Ready',
      sinceMs: 400_000,
    })
    // And has its whole time-out again when it goes once more.
    expect(after([1, up], [61, down], [361, down], [400, up], [460, down], [700, down])).toMatchObject({
      ...{ state: 'Checking', sinceMs: 460_000 },
    })
  })

  it('that cannot be looked at is never called Failed', () => {
    const states = [after([1, blind], [900, blind]), after([1, up], [61, blind], [900, blind])]
    for (const status of states) {
      expect(status.state).toBe('TimedOut')
      expect(status.message).toBe('It cannot be checked here: the guest has no tool')
    }
  })
})

describe('looks', () => {
  it('come every 10 s while one may still come up, every 60 s after that', () => {
    const steady = [after([1, up]), after([1, down], [301, down])]
    expect(nextLookAt(steady, 5_000)).toBe(65_000)
    expect(nextLookAt([...steady, after([1, down])], 5_000)).toBe(15_000)
    expect(nextLookAt([...steady, waiting], 5_000)).toBe(15_000)
  })
})

describe('a guest as a whole', () => {
  it('is what its own check says until that is Ready, then as bad as its worst service', () => {
    const ready = { state: 'Ready' } as const
    expect(overall('Ready', [])).toBe('Ready')
    expect(overall('Checking', [ready])).toBe('Checking')
    expect(overall('Failed', [ready])).toBe('Failed')
    expect(overall('Ready', [ready, { state: 'Pending' }])).toBe('Pending')
    expect(overall('Ready', [{ state: 'Pending' }, { state: 'Checking' }])).toBe('Checking')
    expect(overall('Ready', [{ state: 'Checking' }, { state: 'TimedOut' }])).toBe('TimedOut')
    expect(overall('Ready', [{ state: 'TimedOut' }, { state: 'Failed' }, ready])).toBe('Failed')
  })
})
