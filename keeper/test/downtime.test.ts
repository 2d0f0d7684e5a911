import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mergeWord, packWords, runsToPost } from '../src/domain/attestation.ts'
import {
  boundaryAt,
  type ClaimedLease,
  type Credit,
  claimAt,
  type Interval,
  LEAST_CLAIM,
  outagesIn,
  SETTLED_AFTER,
  stepOf,
  uncredited,
  type Vote,
  voteFor,
} from '../src/domain/downtime.ts'

const lengthOf = (intervals: readonly Interval[]) =>
  intervals.reduce((sum, { from, to }) => sum + to - from, 0)

/** Disjoint outages in order, whole slots, within a day. */
const someOutages: fc.Arbitrary<Interval[]> = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 8, max: 400 })), { maxLength: 8 })
  .map((pairs) => {
    let at = 0
    return pairs.map(([gap, length]) => {
      const from = at + gap * 15
      at = from + length * 15
      return { from, to: at }
    })
  })
const someCredits: fc.Arbitrary<Credit[]> = fc
  .array(
    fc.record({ at: fc.integer({ min: 0, max: 80_000 }), duration: fc.integer({ min: 1, max: 6_000 }) }),
    {
      maxLength: 6,
    },
  )
  .map((credits) => credits.sort((a, b) => a.at - b.at))

describe('outages', () => {
  it('are silences of two minutes or more', () => {
    const silent = new Set([...Array(7).keys(), ...Array.from({ length: 8 }, (_, i) => 20 + i), 99])
    expect(outagesIn(0, 100, (slot) => silent.has(slot))).toEqual([{ from: 300, to: 420 }])
    expect(outagesIn(90, 100, () => true)).toEqual([{ from: 1_350, to: 1_500 }])
  })
})

describe('what is not credited yet', () => {
  it('is never more than what was missed less what was given back, and never what was not missed', () => {
    fc.assert(
      fc.property(someOutages, someCredits, (outages, credits) => {
        const left = uncredited(outages, credits)
        // A credit takes what lay before it, as far as there is any.
        let missed = outages
        for (const { at, duration } of credits) {
          const before = lengthOf(
            missed.map(({ from, to }) => ({ from, to: Math.max(from, Math.min(to, at)) })),
          )
          const after = uncredited(missed, [{ at, duration }])
          expect(lengthOf(missed) - lengthOf(after)).toBe(Math.min(before, duration))
          missed = after
        }
        expect(left).toEqual(missed)
        for (const [i, one] of left.entries()) {
          expect(one.to).toBeGreaterThan(one.from)
          expect(outages.some(({ from, to }) => from <= one.from && one.to <= to)).toBe(true)
          if (i > 0) expect(left[i - 1]!.to).toBeLessThanOrEqual(one.from)
        }
      }),
    )
  })
})

const HOUR = 3_600
const lease = (change: Partial<ClaimedLease> = {}): ClaimedLease => ({
  startedAt: 1_000,
  endedAt: 0,
  runsOutAt: 10_000_000,
  holdBack: HOUR,
  ...change,
})

describe('a claim', () => {
  it('waits while the outage goes on and half of the hold-back is left, then takes what there is', () => {
    const since = 36_000
    const at = (boundary: number) => claimAt(lease(), [{ from: since, to: boundary }], [], boundary)
    expect(at(since + 900)).toBe(0)
    expect(at(since + 1_800)).toBe(1_800)
    expect(at(since + 2_700)).toBe(2_700)
    // What has vested by now is out of reach.
    expect(at(since + 7_200)).toBe(3_600)
  })

  it('is made at once when the node is back, or the lease over', () => {
    const outage = { from: 36_015, to: 36_015 + 425 }
    expect(claimAt(lease(), [outage], [], 36_900)).toBe(420)
    expect(claimAt(lease(), [outage], [{ at: 36_950, duration: 420 }], 37_800)).toBe(0)
    const ended = lease({ endedAt: 36_300, runsOutAt: 0 })
    expect(claimAt(ended, [{ from: 36_000, to: 36_900 }], [], 36_900)).toBe(300)
    expect(claimAt(ended, [{ from: 36_000, to: 36_900 }], [], 36_900 + 2 * HOUR)).toBe(0)
  })

  it('is only for time that was paid for', () => {
    const outage = { from: 36_000, to: 36_600 }
    expect(claimAt(lease({ startedAt: 36_300 }), [outage], [], 36_900)).toBe(300)
    expect(claimAt(lease({ runsOutAt: 36_180 }), [outage], [], 36_900)).toBe(180)
    expect(claimAt(lease({ runsOutAt: 36_100 }), [outage], [], 36_900)).toBe(0)
  })

  it('never gives back more than was missed, however often it is made and carried out', () => {
    const life = fc.record({
      outages: someOutages,
      holdBack: fc.constantFrom(60, 600, HOUR, 6 * HOUR, 24 * HOUR),
      /** Seconds from one look to the next, whether the quorum carries it, and how late. */
      looks: fc.array(
        fc.record({
          after: fc.integer({ min: 60, max: 4_000 }),
          carried: fc.boolean(),
          late: fc.integer({ min: 1, max: 600 }),
        }),
        { maxLength: 60 },
      ),
    })
    fc.assert(
      fc.property(life, ({ outages, holdBack, looks }) => {
        const credits: Credit[] = []
        let now = 2_000
        for (const { after, carried, late } of looks) {
          now += after
          const boundary = boundaryAt(now, holdBack)
          const known = outages
            .map(({ from, to }) => ({ from, to: Math.min(to, boundary) }))
            .filter(({ from, to }) => to - from >= 120)
          const claim = claimAt(lease({ holdBack }), known, credits, boundary)
          expect(claim % 60).toBe(0)
          expect(claim).toBeLessThanOrEqual(holdBack)
          if (claim === 0 || !carried) continue
          expect(claim).toBeGreaterThanOrEqual(LEAST_CLAIM)
          now += late
          credits.push({ at: now, duration: claim })
          const missed = lengthOf(
            outages
              .map(({ from, to }) => ({ from: Math.max(from, 1_000), to: Math.min(to, now) }))
              .filter(({ from, to }) => to > from),
          )
          expect(credits.reduce((sum, { duration }) => sum + duration, 0)).toBeLessThanOrEqual(missed)
        }
      }),
    )
  })

  it('is the same for all who look between two boundaries', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 10_000, max: 10_000_000 }),
        fc.integer({ min: 1, max: 86_400 }),
        (now, holdBack) => {
          const boundary = boundaryAt(now, holdBack)
          const step = stepOf(holdBack)
          expect(boundary % step).toBe(0)
          expect(now - boundary).toBeGreaterThanOrEqual(SETTLED_AFTER)
          expect(now - boundary).toBeLessThan(SETTLED_AFTER + step)
          expect(step).toBeGreaterThanOrEqual(300)
          expect(step).toBeLessThanOrEqual(3_600)
        },
      ),
    )
  })
})

describe('votes', () => {
  /** DowntimeQuorum, as far as one state of one lease goes. */
  const makeTable = (quorum: number, holdBack: number) => {
    const votes: Vote[] = []
    const cast = (attester: string, duration: number, at: number): number | null => {
      expect(votes.some((vote) => vote.attester === attester && vote.duration === duration)).toBe(false)
      votes.push({ attester, duration, at })
      const voters = new Set(votes.filter((vote) => vote.duration === duration).map((vote) => vote.attester))
      return voters.size >= quorum ? duration : null
    }
    return { votes, cast, holdBack }
  }

  it('meet whenever two attesters hold something owed, in any order, at no more than the second highest claim', () => {
    const claims = fc.array(
      fc.integer({ min: 0, max: 60 }).map((minutes) => minutes * 60),
      {
        minLength: 3,
        maxLength: 7,
      },
    )
    fc.assert(
      fc.property(claims, fc.array(fc.nat(), { minLength: 40, maxLength: 40 }), (owed, order) => {
        const claimed = owed.map((claim) => (claim < LEAST_CLAIM ? 0 : claim))
        const table = makeTable(2, HOUR)
        let passed: number | null = null
        const look = (i: number, at: number) => {
          if (passed !== null) return
          const self = `0x${i}`
          const duration = voteFor(claimed[i]!, table.votes, self, table.holdBack, at)
          if (duration !== null) passed = table.cast(self, duration, at)
        }
        order.forEach((pick, at) => {
          look(pick % owed.length, at)
        })
        for (let round = 0; round < 3; round++) for (let i = 0; i < owed.length; i++) look(i, 40 + round)
        const second = claimed.toSorted((a, b) => b - a)[1]!
        if (second === 0) expect(passed).toBeNull()
        else {
          expect(passed).not.toBeNull()
          expect(passed!).toBeLessThanOrEqual(second)
          expect(passed!).toBeGreaterThanOrEqual(LEAST_CLAIM)
        }
      }),
    )
  })

  it('are opened anew when the table is older than the hold-back', () => {
    const votes = [{ attester: '0xa', duration: 600, at: 1_000 }]
    expect(voteFor(600, votes, '0xA', HOUR, 1_000 + HOUR)).toBeNull()
    expect(voteFor(600, votes, '0xa', HOUR, 1_001 + HOUR)).toBe(600)
    expect(voteFor(600, votes, '0xb', HOUR, 1_000 + HOUR)).toBe(600)
    expect(voteFor(540, votes, '0xb', HOUR, 1_000)).toBe(540)
    expect(voteFor(0, votes, '0xb', HOUR, 1_000)).toBeNull()
    // Nobody is led to a claim too small to be one.
    expect(voteFor(600, [{ attester: '0xa', duration: 60, at: 1_000 }], '0xb', HOUR, 1_000)).toBe(600)
  })
})

describe('words', () => {
  it('hold missed beats + 1 by lane, and 0 for what is not known', () => {
    const words = packWords(
      new Map([
        [1, 0],
        [15, 5_760],
        [16, 9],
        [40, 3],
      ]),
    )
    expect([...words].sort((a, b) => a[0] - b[0])).toEqual([
      [0, (1n << 16n) | (5_761n << 240n)],
      [1, 10n],
      [2, 4n << 128n],
    ])
  })

  it('keep what was posted of nodes that nothing is known of now', () => {
    expect(mergeWord(5n << 16n, (7n << 16n) | 9n)).toBe((5n << 16n) | 9n)
    expect(mergeWord(0n, 9n)).toBe(9n)
  })

  it('are posted in runs that change all that differs and nothing else', () => {
    const word = fc.bigInt({ min: 0n, max: 3n })
    const table = fc.dictionary(fc.integer({ min: 0, max: 60 }).map(String), word)
    const toWords = (entries: Record<string, bigint>) =>
      new Map(Object.entries(entries).map(([group, value]) => [Number(group), value]))
    fc.assert(
      fc.property(table, table, fc.integer({ min: 1, max: 12 }), (a, b, maxWords) => {
        const [ours, posted] = [toWords(a), toWords(b)]
        const after = new Map(posted)
        for (const { firstGroup, words } of runsToPost(ours, posted, maxWords)) {
          expect(words.length).toBeLessThanOrEqual(maxWords)
          words.forEach((value, i) => {
            after.set(firstGroup + i, value)
          })
        }
        for (let group = 0; group <= 80; group++) {
          expect(after.get(group) ?? 0n).toBe(mergeWord(ours.get(group) ?? 0n, posted.get(group) ?? 0n))
        }
        expect(runsToPost(ours, after, maxWords)).toEqual([])
      }),
    )
  })

  it('bridge a short gap rather than pay for another transaction', () => {
    const ours = new Map([
      [0, 1n],
      [8, 1n],
      [16, 1n],
    ])
    expect(
      runsToPost(ours, new Map(), 64).map(({ firstGroup, words }) => [firstGroup, words.length]),
    ).toEqual([
      [0, 1],
      [8, 1],
      [16, 1],
    ])
    const near = new Map([
      [0, 1n],
      [7, 1n],
    ])
    const words = [1n, 0n, 0n, 0n, 0n, 0n, 0n, 1n]
    expect(runsToPost(near, new Map(), 64)).toEqual([{ firstGroup: 0, words }])
  })
})
