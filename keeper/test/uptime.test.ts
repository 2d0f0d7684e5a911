import fc from 'fast-check'
import { stringToHex } from 'viem'
import { describe, expect, it } from 'vitest'
import { badgesOf } from '../src/domain/badges.ts'
import { countBits, dayOf, firstSlotOf, hasSlot, noBits, setSlot, setSpan } from '../src/domain/day-bits.ts'
import { clocksAgree, DEAF, GRACE_SLOTS, isProven, listen, WARM_UP_SLOTS } from '../src/domain/ear.ts'
import { expectedOn, missedToAttest, spansOf, tallyOf, uptimeBpsOf } from '../src/domain/uptime.ts'

const DAY = 20_000
const FIRST = firstSlotOf(DAY)
const slotOfDay = fc.integer({ min: 0, max: 5_759 })

describe('the bits of a day', () => {
  it('count what was set, however often and in whatever order', () => {
    fc.assert(
      fc.property(fc.array(slotOfDay), (places) => {
        const bits = noBits()
        for (const place of [...places, ...places.toReversed()]) setSlot(bits, FIRST + place)
        expect(countBits(bits)).toBe(new Set(places).size)
        for (const place of places) expect(hasSlot(bits, FIRST + place)).toBe(true)
      }),
    )
  })

  it('take a span as they take its slots one by one', () => {
    const edge = fc.integer({ min: FIRST - 20_000, max: FIRST + 20_000 })
    fc.assert(
      fc.property(edge, edge, (from, to) => {
        const [spanned, single] = [noBits(), noBits()]
        setSpan(spanned, DAY, from, to)
        for (let slot = from; slot < to; slot++) if (dayOf(slot) === DAY) setSlot(single, slot)
        expect(spanned).toEqual(single)
      }),
      { numRuns: 50 },
    )
  })
})

describe('what is expected of a node', () => {
  const at = (slot: number, seconds = 3) => slot * 15 + seconds

  it('begins with the first whole slot after it registered, and rests while it is inactive', () => {
    const spans = spansOf([
      { at: at(FIRST + 100), active: true },
      { at: at(FIRST + 200), active: false },
      { at: at(FIRST + 300), active: true },
    ])
    expect(spans).toEqual([
      { from: FIRST + 101, to: FIRST + 200 },
      { from: FIRST + 301, to: null },
    ])
    expect(countBits(expectedOn(DAY, spans))).toBe(99 + 5_760 - 301)
    expect(countBits(expectedOn(DAY - 1, spans))).toBe(0)
    expect(countBits(expectedOn(DAY + 1, spans))).toBe(5_760)
  })

  it('is nothing of one that was never registered, or went within its slot', () => {
    expect(spansOf([])).toEqual([])
    expect(
      spansOf([
        { at: at(FIRST, 1), active: true },
        { at: at(FIRST, 9), active: false },
      ]),
    ).toEqual([])
  })
})

describe('a tally', () => {
  const bitsOf = (places: readonly number[]) => {
    const bits = noBits()
    for (const place of places) setSlot(bits, FIRST + place)
    return bits
  }

  it('holds only expected slots against a node, that were listened to and brought nothing', () => {
    const sets = fc.array(slotOfDay, { maxLength: 200 })
    fc.assert(
      fc.property(sets, sets, sets, (expected, listened, heard) => {
        const tally = tallyOf({
          expected: bitsOf(expected),
          listened: bitsOf(listened),
          heard: bitsOf(heard),
        })
        const known = [...new Set(expected)].filter((place) => listened.includes(place))
        expect(tally).toEqual({
          expected: new Set(expected).size,
          known: known.length,
          missed: known.filter((place) => !heard.includes(place)).length,
        })
      }),
    )
  })

  it('becomes basis points, rounded down; nothing known is not nothing reached', () => {
    expect(uptimeBpsOf([])).toBeNull()
    expect(uptimeBpsOf([{ expected: 10, known: 0, missed: 0 }])).toBeNull()
    expect(uptimeBpsOf([{ expected: 5_760, known: 5_760, missed: 1 }])).toBe(9_998)
    const mixed = [
      { expected: 5_760, known: 3_000, missed: 0 },
      { expected: 5_760, known: 1_000, missed: 1_000 },
    ]
    expect(uptimeBpsOf(mixed)).toBe(7_500)
  })

  it('is attested when the keeper listened for nine tenths of at least half a day', () => {
    expect(missedToAttest({ expected: 5_760, known: 5_184, missed: 12 })).toBe(12)
    expect(missedToAttest({ expected: 5_760, known: 5_183, missed: 12 })).toBeNull()
    expect(missedToAttest({ expected: 2_880, known: 2_880, missed: 0 })).toBe(0)
    expect(missedToAttest({ expected: 2_879, known: 2_879, missed: 0 })).toBeNull()
    expect(missedToAttest({ expected: 0, known: 0, missed: 0 })).toBeNull()
  })
})

describe('the ear', () => {
  const start = FIRST * 15_000 + 4_000
  type Step = { passedMs: number; jumpMs: number; trusted: boolean }

  /** Steps of a keeper's life; real time is the steady clock's. */
  const run = (steps: readonly Step[]) => {
    let ear = DEAF
    let [wallMs, steadyMs] = [start, 0]
    const listened: number[] = []
    for (const { passedMs, jumpMs, trusted } of steps) {
      wallMs += passedMs + jumpMs
      steadyMs += passedMs
      const result = listen(ear, { wallMs, steadyMs, trusted })
      ear = result.ear
      listened.push(...result.slots)
    }
    return listened
  }
  const calm = (seconds: number): Step[] =>
    Array.from({ length: seconds }, () => ({ passedMs: 1_000, jumpMs: 0, trusted: true }))

  it('takes every slot once, after warming up, when the next is over', () => {
    const listened = run(calm(600))
    const first = FIRST + 1 + WARM_UP_SLOTS
    const last = FIRST + 40 - GRACE_SLOTS
    expect(listened).toEqual(Array.from({ length: last - first + 1 }, (_, i) => first + i))
  })

  it.each([
    ['was away', { passedMs: 5_001, jumpMs: 0, trusted: true }],
    ['had its clock put forward', { passedMs: 1_000, jumpMs: 40_000, trusted: true }],
    ['had its clock put back', { passedMs: 1_000, jumpMs: -40_000, trusted: true }],
    ['lost the chain', { passedMs: 1_000, jumpMs: 0, trusted: false }],
  ])('starts over when the process %s', (_, gap) => {
    const before = run(calm(300))
    const listened = run([...calm(300), gap, ...calm(300)])
    expect(listened.slice(0, before.length)).toEqual(before)
    const at = FIRST + Math.floor((304 + (gap.passedMs + gap.jumpMs) / 1_000) / 15)
    expect(listened[before.length]).toBeGreaterThanOrEqual(at + WARM_UP_SLOTS)
    // The slots of the gap itself, and those just before it that were not judged yet, stay unknown.
    expect(listened.filter((slot) => slot > before.at(-1)! && slot <= at + WARM_UP_SLOTS - 1)).toEqual([])
  })

  it('never takes a slot that it was not there for, whatever happens', () => {
    const step = fc.record({
      passedMs: fc.oneof({ weight: 8, arbitrary: fc.constant(1_000) }, fc.integer({ min: 0, max: 90_000 })),
      jumpMs: fc.oneof(
        { weight: 20, arbitrary: fc.constant(0) },
        fc.integer({ min: -400_000, max: 400_000 }),
      ),
      trusted: fc.oneof({ weight: 20, arbitrary: fc.constant(true) }, fc.boolean()),
    })
    fc.assert(
      fc.property(fc.array(step, { minLength: 200, maxLength: 600 }), (steps) => {
        let [wallMs, present] = [start, new Set<number>()]
        let [ear, steadyMs] = [DEAF, 0]
        for (const { passedMs, jumpMs, trusted } of steps) {
          const unbroken = trusted && passedMs <= 5_000 && Math.abs(jumpMs) <= 2_000
          // Whole slots of unbroken presence by the wall clock, kept by the model on its own.
          if (!unbroken) present = new Set()
          const from = wallMs
          wallMs += passedMs + jumpMs
          steadyMs += passedMs
          if (unbroken) for (let ms = from; ms <= wallMs; ms += 500) present.add(Math.floor(ms / 15_000))
          const result = listen(ear, { wallMs, steadyMs, trusted })
          ear = result.ear
          for (const slot of result.slots) {
            for (let near = slot - 1; near < slot + GRACE_SLOTS; near++) expect(present.has(near)).toBe(true)
          }
          expect(new Set(result.slots).size).toBe(result.slots.length)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('trusts a clock within what beats forgive', () => {
    expect([-11, -10, 0, 90, 91].map((difference) => clocksAgree(1_000 + difference, 1_000))).toEqual([
      false,
      true,
      true,
      true,
      false,
    ])
  })

  it('proves nothing by a silence that is likelier its own', () => {
    expect(isProven({ heardAny: false, voices: 0 })).toBe(false)
    expect(isProven({ heardAny: false, voices: 2 })).toBe(true)
    expect(isProven({ heardAny: false, voices: 3 })).toBe(false)
    expect(isProven({ heardAny: true, voices: 3 })).toBe(true)
  })
})

describe('badges', () => {
  const auditor = '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC'
  const attribute = stringToHex('audited', { size: 32 })
  const signed = { attribute, auditor, issuedAt: 900, expiresAt: 1_001 } as const
  const none = { uptimeBps: null, hosted: 0, isPremium: false, attributes: [] }

  it('are earned one by one', () => {
    const close = { uptimeBps: 9_989, hosted: 99, isPremium: false, attributes: [signed] }
    expect(badgesOf(none, 1_000, [auditor])).toEqual([])
    expect(badgesOf(close, 1_001, [auditor])).toEqual([])
    expect(badgesOf(close, 1_000, [])).toEqual([])
    const all = { uptimeBps: 9_990, hosted: 100, isPremium: true, attributes: [signed] }
    expect(badgesOf(all, 1_000, [auditor.toLowerCase()])).toEqual([
      'uptime-99.9',
      'hosted-100',
      'premium',
      'audited',
    ])
  })
})
