// How much of the time a node was there, from three sets of slots: those in which it was expected, those in which this
// keeper listened, and those for which it heard a beat. What nobody listened to is unknown: never missed.
import { SLOTS_PER_DAY, slotAt } from '@decloud/protocol/wire/heartbeat'
import { both, countBits, type DayBits, noBits, setSpan, without } from './day-bits.ts'

/** Days that count, the running one included. */
export const WINDOW_DAYS = 30

/** Slots [from, to); `to` is null while it goes on. */
export type Span = { from: number; to: number | null }

/** `known` slots of the `expected` were listened to, and `missed` of those brought no beat. */
export type Tally = { expected: number; known: number; missed: number }

/** A registration or a change of a node's active flag, in chain order. `at`: unix seconds. */
export type Activity = { at: number; active: boolean }

/** When beats are expected: from the first whole slot after the node became active, to the last before it ceased. */
export const spansOf = (changes: readonly Activity[]): Span[] => {
  const spans: Span[] = []
  let from: number | null = null
  for (const { at, active } of changes) {
    if (active) from ??= slotAt(at) + 1
    else if (from !== null) {
      if (slotAt(at) > from) spans.push({ from, to: slotAt(at) })
      from = null
    }
  }
  if (from !== null) spans.push({ from, to: null })
  return spans
}

export const expectedOn = (day: number, spans: readonly Span[]): DayBits => {
  const bits = noBits()
  for (const { from, to } of spans) setSpan(bits, day, from, to ?? Number.POSITIVE_INFINITY)
  return bits
}

export const tallyOf = (day: { expected: DayBits; listened: DayBits; heard: DayBits }): Tally => {
  const known = both(day.expected, day.listened)
  return {
    expected: countBits(day.expected),
    known: countBits(known),
    missed: countBits(without(known, day.heard)),
  }
}

/** @returns basis points, rounded down; null when nothing is known. */
export const uptimeBpsOf = (tallies: readonly Tally[]): number | null => {
  const known = tallies.reduce((sum, tally) => sum + tally.known, 0)
  const missed = tallies.reduce((sum, tally) => sum + tally.missed, 0)
  return known === 0 ? null : Math.floor(((known - missed) * 10_000) / known)
}

/** A keeper that listened to less than this of a node's day says nothing about that day. */
const LEAST_KNOWN = 0.9
/** A node that was expected for less than half a day has no figure for it: hardly anything could have been missed. */
const LEAST_EXPECTED = SLOTS_PER_DAY / 2

/** What may be said in public of a node's day: beats missed, or null for nothing. */
export const missedToAttest = ({ expected, known, missed }: Tally): number | null =>
  expected < LEAST_EXPECTED || known < expected * LEAST_KNOWN ? null : missed
