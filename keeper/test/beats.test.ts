// The books of beats over a keeper's life: crashes, restarts, clocks that jump, beats that come twice, late or never.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '@decloud/chain'
import {
  type BeatScope,
  encodeBeat,
  LATE_SLOTS,
  SLOTS_PER_DAY,
  signBeat,
  slotAt,
} from '@decloud/protocol/wire/heartbeat'
import fc from 'fast-check'
import type { Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { makeBeatBooks } from '../src/adapters/beats/books.ts'
import { dayOf, hasSlot } from '../src/domain/day-bits.ts'
import { clocksAgree, GRACE_SLOTS, WARM_UP_SLOTS } from '../src/domain/ear.ts'
import { makeBeats } from '../src/services/beats.ts'
import { makeLiveness } from '../src/services/liveness.ts'

const scope: BeatScope = { chainId: 137, nodeRegistry: '0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359' }
const agents = [1, 2, 3].map((i) => privateKeyToAccount(`0x${String(i).repeat(64)}` as Hex))
const stranger = privateKeyToAccount(`0x${'9'.repeat(64)}`)
/** Shortly before midnight, so that a life crosses it. */
const START = Math.floor(1_790_000_000 / 86_400) * 86_400 + 86_400 - 600

const signed = new Map<string, Promise<Uint8Array>>()
const beatOf = (node: number, slot: number, signer = agents[node - 1]!, version = '0.1.0') => {
  const key = `${node} ${slot} ${signer.address} ${version}`
  const free = { memoryMiB: 1, diskGiB: 1 }
  const beat = { node, slot, bootId: 1, version, free, leases: [], omitted: 0 }
  const known = signed.get(key) ?? signBeat(scope, beat, signer).then(encodeBeat)
  signed.set(key, known)
  return known
}

let folder: string
let file = 0
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'beats-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const quiet = { info: () => {}, warn: () => {}, error: () => {} }

/** A keeper that lives, dies and is born again on one file, by clocks of the test. Real time is `seconds`. */
const makeLife = (nodes = 3) => {
  const path = join(folder, `${++file}.sqlite`)
  let seconds = START
  let offset = 0
  let alive: { db: ReturnType<typeof openDatabase>; beats: ReturnType<typeof makeBeats> } | null = null
  const wall = () => seconds + offset
  const birth = () => {
    const db = openDatabase(path)
    db.pragma('synchronous = OFF')
    const beats = makeBeats({
      books: makeBeatBooks(db),
      scope,
      node: (node) => (node <= nodes ? { agent: agents[node - 1]!.address, active: true } : undefined),
      trusted: () => clocksAgree(wall(), seconds),
      log: quiet,
      now: () => wall() * 1_000,
      // Another origin in every process.
      steady: () => (seconds - START) * 1_000 + file,
    })
    alive = { db, beats }
  }
  const death = (how: 'kill' | 'stop') => {
    if (how === 'stop') alive?.beats.write()
    alive?.db.close()
    alive = null
  }
  birth()
  return {
    now: () => seconds,
    slot: () => slotAt(seconds),
    beats: () => alive?.beats,
    db: () => alive!.db,
    jump: (by: number) => {
      offset += by
    },
    right: () => {
      offset = 0
    },
    birth: () => alive ?? birth(),
    death,
    /** A second passes, or several in which the process stands still. */
    pass: (by = 1) => {
      seconds += by
      alive?.beats.step()
      if (seconds % 5 === 0) alive?.beats.write()
    },
    hear: async (message: Uint8Array) =>
      alive?.beats.admit(message).catch((error: { code: string }) => error.code),
  }
}
type Life = ReturnType<typeof makeLife>

/** Slots that would be held against a node. */
const missedBy = (life: Life, node: number): number[] => {
  life.birth()
  life.beats()!.write()
  const books = makeBeatBooks(life.db())
  const missed: number[] = []
  for (const day of [dayOf(slotAt(START)), dayOf(slotAt(START)) + 1]) {
    const [listened, heard] = [books.listenedOn(day), books.heardOf(node, day)]
    for (let slot = day * SLOTS_PER_DAY; slot < (day + 1) * SLOTS_PER_DAY; slot++) {
      if (hasSlot(listened, slot) && !hasSlot(heard, slot)) missed.push(slot)
    }
  }
  return missed
}

describe('a calm life', () => {
  it('misses exactly what was not sent, across midnight', async () => {
    const life = makeLife()
    const silent: number[] = []
    for (let i = 0; i < 1_200; i++) {
      life.pass()
      if (life.now() % 15 !== 2) continue
      const away = i > 400 && i < 800
      if (away) silent.push(life.slot())
      for (const node of away ? [2, 3] : [1, 2, 3]) await life.hear(await beatOf(node, life.slot()))
    }
    const judged = silent.filter((slot) => slot <= life.slot() - GRACE_SLOTS)
    expect(missedBy(life, 1)).toEqual(judged)
    expect(judged.length).toBeGreaterThan(20)
    expect(missedBy(life, 2)).toEqual([])
    life.death('stop')
  })

  it('takes a beat once, whoever brings it, and none that is forged, early, late or of nobody', async () => {
    const life = makeLife(2)
    const slot = life.slot()
    expect(await life.hear(await beatOf(1, slot))).toBe('accepted')
    expect(await life.hear(await beatOf(1, slot))).toBe('known')
    expect(await life.hear(await beatOf(1, slot, agents[0]!, '0.2.0'))).toBe('known')
    expect(await life.hear(await beatOf(2, slot, stranger))).toBe('beat-not-agents')
    expect(await life.hear(await beatOf(2, slot))).toBe('accepted')
    expect(await life.hear(await beatOf(2, slot + 1))).toBe('accepted')
    expect(await life.hear(await beatOf(2, slot + 2))).toBe('beat-early')
    expect(await life.hear(await beatOf(2, slot - LATE_SLOTS))).toBe('accepted')
    expect(await life.hear(await beatOf(2, slot - LATE_SLOTS - 1))).toBe('beat-late')
    expect(await life.hear(await beatOf(3, slot))).toBe('beat-node-unknown')
    expect(life.beats()!.newest(2)).toMatchObject({ slot: slot + 1, version: '0.1.0' })
    life.death('stop')
  })

  it('says who is online, and admits when it cannot know', async () => {
    const life = makeLife(3)
    const liveness = () =>
      makeLiveness({
        beats: life.beats()!,
        books: makeBeatBooks(life.db()),
        history: { activityOf: () => [{ at: START - 40 * 86_400, active: true }] },
      })
    expect(liveness().isOnline(1)).toBe('unknown')
    expect(liveness().uptimeBps(1)).toBeNull()
    const live = async (seconds: number, nodes: readonly number[]) => {
      for (let i = 0; i < seconds; i++) {
        life.pass()
        if (life.now() % 15 === 2) for (const node of nodes) await life.hear(await beatOf(node, life.slot()))
      }
    }
    await live(30, [1, 2, 3])
    expect([1, 2, 3].map(liveness().isOnline)).toEqual([true, true, true])
    await live(300, [2, 3])
    expect([1, 2, 3].map(liveness().isOnline)).toEqual([false, true, true])
    expect(liveness().lastBeat(1)).toMatchObject({ version: '0.1.0' })
    expect(liveness().uptimeBps(1)).toBeLessThan(liveness().uptimeBps(2)!)
    expect(liveness().uptimeBps(2)).toBe(10_000)
    // All three silent at once: more likely it is this keeper who is cut off.
    await live(300, [])
    expect([1, 2, 3].map(liveness().isOnline)).toEqual(['unknown', 'unknown', 'unknown'])
    expect(missedBy(life, 2)).toEqual([])
    // Right after a restart nothing is known but what was heard lately.
    await live(60, [2, 3])
    life.death('stop')
    life.birth()
    expect([1, 2].map(liveness().isOnline)).toEqual(['unknown', true])
    await live(15 * (WARM_UP_SLOTS + 10), [2, 3])
    expect([1, 2].map(liveness().isOnline)).toEqual([false, true])
    life.death('stop')
  })

  it('forgets days out of the window', async () => {
    const life = makeLife()
    await life.hear(await beatOf(1, life.slot()))
    life.beats()!.write()
    const days = () =>
      (life.db().prepare('SELECT DISTINCT day FROM beat_days').all() as { day: number }[]).map(
        ({ day }) => day,
      )
    const first = dayOf(life.slot())
    expect(days()).toEqual([first])
    life.pass(30 * 86_400)
    expect(days()).toEqual([first])
    life.pass(86_400)
    expect(days()).toEqual([])
    life.death('stop')
  })
})

describe('a troubled life', () => {
  beforeEach(() => signed.clear())

  type Trouble =
    | { kind: 'calm' }
    | { kind: 'kill' | 'stop'; away: number }
    | { kind: 'stall'; away: number }
    | { kind: 'jump'; by: number }
    | { kind: 'right' }
  const trouble: fc.Arbitrary<Trouble> = fc.oneof(
    { weight: 3, arbitrary: fc.constant({ kind: 'calm' } as const) },
    fc.record({ kind: fc.constantFrom('kill', 'stop'), away: fc.integer({ min: 0, max: 120 }) }),
    fc.record({ kind: fc.constant('stall'), away: fc.integer({ min: 2, max: 120 }) }),
    fc.record({ kind: fc.constant('jump'), by: fc.integer({ min: -300, max: 300 }) }),
    fc.record({ kind: fc.constant('jump'), by: fc.integer({ min: -12, max: 95 }) }),
    fc.constant({ kind: 'right' } as const),
  )
  const episode = fc.record({
    trouble,
    /** Seconds that follow it. */
    lasts: fc.integer({ min: 20, max: 400 }),
    /** Who is there meanwhile, how late their beats come, whether twice. */
    present: fc.subarray([1, 2]),
    late: fc.integer({ min: 0, max: 14 }),
    twice: fc.boolean(),
  })

  it('never holds against a node a slot for which it sent a beat while the keeper was there to hear it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(episode, { minLength: 3, maxLength: 8 }), async (episodes) => {
        const life = makeLife(2)
        /** Slots for which a beat went out at all, whether anybody heard it or not. */
        const sent = new Map([1, 2].map((node) => [node, new Set<number>()]))
        for (const { trouble, lasts, present, late, twice } of episodes) {
          if (trouble.kind === 'kill' || trouble.kind === 'stop') {
            life.death(trouble.kind)
            for (let i = 0; i < trouble.away; i++) await second(life, sent, present, late, twice)
            life.birth()
          } else if (trouble.kind === 'stall') {
            // Beats of the time sit in the socket until the process goes on.
            const from = life.slot()
            life.pass(trouble.away)
            for (let slot = from + 1; slot <= life.slot(); slot++)
              for (const node of present) await send(life, sent, node, slot, twice)
          } else if (trouble.kind === 'jump') life.jump(trouble.by)
          else if (trouble.kind === 'right') life.right()
          for (let i = 0; i < lasts; i++) await second(life, sent, present, late, twice)
        }
        for (const node of [1, 2]) {
          expect(missedBy(life, node).filter((slot) => sent.get(node)!.has(slot))).toEqual([])
        }
        life.death('kill')
      }),
      { numRuns: 25 },
    )
  }, 60_000)

  const send = async (
    life: Life,
    sent: ReadonlyMap<number, Set<number>>,
    node: number,
    slot: number,
    twice: boolean,
  ) => {
    sent.get(node)!.add(slot)
    for (let i = 0; i < (twice ? 2 : 1); i++) await life.hear(await beatOf(node, slot))
  }

  const second = async (
    life: Life,
    sent: ReadonlyMap<number, Set<number>>,
    present: readonly number[],
    late: number,
    twice: boolean,
  ) => {
    life.pass()
    if (life.now() % 15 === late) for (const node of present) await send(life, sent, node, life.slot(), twice)
  }
})
