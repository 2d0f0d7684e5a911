// Who is there, from what was heard.
import { OFFLINE_SLOTS } from '@decloud/protocol/wire/heartbeat'
import { dayOf } from '../domain/day-bits.ts'
import {
  expectedOn,
  type Span,
  spansOf,
  type Tally,
  tallyOf,
  uptimeBpsOf,
  WINDOW_DAYS,
} from '../domain/uptime.ts'
import type { BeatBooks, BeatHistory } from '../ports/beats.ts'
import type { Liveness } from '../ports/liveness.ts'
import type { Beats } from './beats.ts'

export type LivenessDeps = {
  beats: Pick<Beats, 'newest' | 'hasListenedSince' | 'nowSlot'>
  books: BeatBooks
  history: Pick<BeatHistory, 'activityOf'>
}

/** Slots for which a figure is good enough: a minute. */
const STALE_SLOTS = 4
/** Figures kept at most; the oldest is asked for again. */
const MAX_CACHED = 20_000

type Figure = { slot: number; day: number; finished: Tally[]; bps: number | null }

export const makeLiveness = ({ beats, books, history }: LivenessDeps): Liveness => {
  const figures = new Map<number, Figure>()

  const tallyOn = (node: number, day: number, spans: readonly Span[]): Tally =>
    tallyOf({
      expected: expectedOn(day, spans),
      listened: books.listenedOn(day),
      heard: books.heardOf(node, day),
    })

  const figureOf = (node: number, slot: number): Figure => {
    const day = dayOf(slot)
    const known = figures.get(node)
    if (known !== undefined && known.day === day && slot - known.slot < STALE_SLOTS) return known
    const spans = spansOf(history.activityOf(node))
    // A day that is over stays as it is: only the running one is counted again.
    const finished =
      known !== undefined && known.day === day
        ? known.finished
        : Array.from({ length: WINDOW_DAYS - 1 }, (_, i) => tallyOn(node, day - 1 - i, spans))
    const bps = uptimeBpsOf([tallyOn(node, day, spans), ...finished])
    const figure = { slot, day, finished, bps }
    figures.delete(node)
    figures.set(node, figure)
    if (figures.size > MAX_CACHED) figures.delete(figures.keys().next().value!)
    return figure
  }

  const isOnline = (node: number): boolean | 'unknown' => {
    const slot = beats.nowSlot()
    const last = beats.newest(node)
    if (last !== null && slot - last.slot <= OFFLINE_SLOTS) return true
    // Silence says something only to those who listened all the while.
    return beats.hasListenedSince(slot - OFFLINE_SLOTS) ? false : 'unknown'
  }

  return {
    isOnline,
    uptimeBps: (node) => figureOf(node, beats.nowSlot()).bps,
    lastBeat: (node) => {
      const last = beats.newest(node)
      return last === null ? null : { slot: last.slot, version: last.version }
    },
  }
}
