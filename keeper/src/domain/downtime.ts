// How many seconds of a lease an attester holds to be owed back because its node was away. Attesters hear slightly
// different things and vote at different moments, and only votes for the same number count together. So every figure is
// taken as of a boundary that all of them share, from slots that can no longer change, in whole minutes; and who sees a
// lower claim than its own on the table joins that one.
import { LATE_SLOTS, OFFLINE_SLOTS, SLOT_SECONDS } from '@decloud/protocol/wire/heartbeat'

/** Seconds given back of a lease, when: unix seconds. */
export type Credit = { at: number; duration: number }
export type Vote = { attester: string; duration: number; at: number }

/** Seconds [from, to). */
export type Interval = { from: number; to: number }

/** Seconds after which a slot is as it will stay: the last late beat has come. */
export const SETTLED_AFTER = (LATE_SLOTS + 1) * SLOT_SECONDS
/** Less than this is not worth a transaction of two attesters. Two minutes: what offline means. */
export const LEAST_CLAIM = OFFLINE_SLOTS * SLOT_SECONDS
const MINUTE = 60

export type ClaimedLease = {
  startedAt: number
  /** 0 while it runs. */
  endedAt: number
  /** When what was paid in is used up; 0 for an ended lease. */
  runsOutAt: number
  holdBack: number
}

/**
 * Seconds between boundaries: a quarter of the hold-back, so that an outage is claimed in time, but no more often than
 * every five minutes and no less than every hour.
 */
export const stepOf = (holdBack: number): number =>
  Math.min(Math.max(Math.floor(holdBack / 4 / MINUTE) * MINUTE, 5 * MINUTE), 60 * MINUTE)

/** The newest boundary before which everything has been heard that ever will be. */
export const boundaryAt = (now: number, holdBack: number): number => {
  const step = stepOf(holdBack)
  return Math.floor((now - SETTLED_AFTER) / step) * step
}

/**
 * Runs of slots, each at least as long as it takes to be offline, of which `isMissed` holds.
 * @returns in seconds, in order.
 */
export const outagesIn = (
  fromSlot: number,
  toSlot: number,
  isMissed: (slot: number) => boolean,
): Interval[] => {
  const outages: Interval[] = []
  let start: number | null = null
  for (let slot = fromSlot; slot <= toSlot; slot++) {
    const missed = slot < toSlot && isMissed(slot)
    if (missed) start ??= slot
    else if (start !== null) {
      if (slot - start >= OFFLINE_SLOTS) outages.push({ from: start * SLOT_SECONDS, to: slot * SLOT_SECONDS })
      start = null
    }
  }
  return outages
}

/**
 * Takes out of the outages what has been given back already, by whomever. Newest first: a credit that covers more than
 * was known to be missing then is held against what is still claimable, never against what is lost anyway.
 */
export const uncredited = (outages: readonly Interval[], credits: readonly Credit[]): Interval[] => {
  let left = [...outages]
  for (const { at, duration } of credits) {
    let rest = duration
    const kept: Interval[] = []
    for (const outage of left.toReversed()) {
      // What lies after the moment of the credit cannot have been meant by it.
      const end = Math.min(outage.to, at)
      const taken = Math.max(Math.min(rest, end - outage.from), 0)
      rest -= taken
      if (outage.to > end) kept.push({ from: Math.max(end, outage.from), to: outage.to })
      if (end - taken > outage.from) kept.push({ from: outage.from, to: end - taken })
    }
    left = kept.toReversed()
  }
  return left
}

const clip = (interval: Interval, from: number, to: number): Interval => ({
  from: Math.max(interval.from, from),
  to: Math.min(interval.to, to),
})
const lengthOf = ({ from, to }: Interval) => Math.max(to - from, 0)

/**
 * Seconds to claim as of `boundary`, in whole minutes; 0 for nothing, or not yet: while the outage goes on and half of
 * the hold-back is left, waiting costs the tenant nothing and saves votes.
 */
export const claimAt = (
  lease: ClaimedLease,
  outages: readonly Interval[],
  credits: readonly Credit[],
  boundary: number,
): number => {
  const end = Math.min(boundary, lease.endedAt || boundary, lease.runsOutAt || boundary)
  const begin = Math.max(lease.startedAt, boundary - lease.holdBack)
  const open = uncredited(
    outages.map((outage) => clip(outage, lease.startedAt, end)).filter((outage) => lengthOf(outage) > 0),
    credits,
  )
    .map((outage) => clip(outage, begin, end))
    .filter((outage) => lengthOf(outage) > 0)
  const seconds = open.reduce((sum, outage) => sum + lengthOf(outage), 0)
  const claim = Math.floor(seconds / MINUTE) * MINUTE
  const oldest = open[0]
  if (oldest === undefined || claim < LEAST_CLAIM) return 0
  const goesOn = open.at(-1)!.to === boundary
  return goesOn && oldest.from > boundary - lease.holdBack / 2 ? 0 : claim
}

/**
 * Which number to vote for, given one's own claim and the votes on the table. One's own table is opened once; a lower
 * claim of somebody else is joined, since those who made it cannot join a higher one.
 * @returns seconds, or null for nothing to do.
 */
export const voteFor = (
  claim: number,
  votes: readonly Vote[],
  self: string,
  holdBack: number,
  now: number,
): number | null => {
  if (claim === 0) return null
  const open = openBallots(votes, holdBack, now)
  const mine = (ballot: Ballot) => ballot.attesters.has(self.toLowerCase())
  const joinable = open.filter(
    (ballot) => !mine(ballot) && ballot.duration >= LEAST_CLAIM && ballot.duration <= claim,
  )
  if (joinable.length > 0) return Math.max(...joinable.map((ballot) => ballot.duration))
  return open.some(mine) ? null : claim
}

type Ballot = { duration: number; openedAt: number; attesters: Set<string> }

/** As DowntimeQuorum counts: a ballot is open for the lease's hold-back, then the next vote for it opens it anew. */
const openBallots = (votes: readonly Vote[], holdBack: number, now: number): Ballot[] => {
  const ballots = new Map<number, Ballot>()
  for (const { attester, duration, at } of votes) {
    const known = ballots.get(duration)
    const ballot =
      known === undefined || at > known.openedAt + holdBack
        ? { duration, openedAt: at, attesters: new Set<string>() }
        : known
    ballot.attesters.add(attester.toLowerCase())
    ballots.set(duration, ballot)
  }
  return [...ballots.values()].filter((ballot) => now <= ballot.openedAt + holdBack)
}
