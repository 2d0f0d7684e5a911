// Which slots this keeper listened to: the only ones that can be held against a node. A step a second decides; a step
// that came late, or after which the two clocks disagree, shows that the process, the machine or its clock was away.
import { LATE_SLOTS, slotAt } from '@decloud/protocol/wire/heartbeat'

/** After a start or a gap: agents have to find this keeper again first. */
export const WARM_UP_SLOTS = 4
/** A slot is judged when no beat for it is taken any more: what is written of it then is all there will ever be. */
export const GRACE_SLOTS = LATE_SLOTS + 1
/** Milliseconds that two steps may lie apart. */
const MAX_PAUSE_MS = 5_000
/** Milliseconds by which the wall clock may differ from the steady one in a step; NTP moves it less. */
const MAX_DRIFT_MS = 2_000

/** `wallMs`: unix time. `steadyMs`: any clock that never jumps. `trusted`: chain and clock are believed at this moment. */
export type Moment = { wallMs: number; steadyMs: number; trusted: boolean }

/**
 * `since`: the first slot of this unbroken listening. `next`: the first that is not judged yet. Null before the first
 * step and while nothing is trusted.
 */
export type Ear = { last: Moment | null; since: number | null; next: number | null }

export const DEAF: Ear = { last: null, since: null, next: null }

/** @returns the ear after `now`, and the slots that it has listened to from beginning to end since the step before. */
export const listen = (ear: Ear, now: Moment): { ear: Ear; slots: number[] } => {
  const slot = slotAt(now.wallMs / 1_000)
  if (!now.trusted) return { ear: { ...DEAF, last: now }, slots: [] }
  const unbroken = ear.last !== null && isUnbroken(ear.last, now)
  const since = (unbroken ? ear.since : null) ?? slot + 1 + WARM_UP_SLOTS
  let next = (unbroken ? ear.next : null) ?? since
  const slots: number[] = []
  for (; next <= slot - GRACE_SLOTS; next++) slots.push(next)
  return { ear: { last: now, since, next }, slots }
}

const isUnbroken = (before: Moment, now: Moment): boolean => {
  const passed = now.steadyMs - before.steadyMs
  const drift = now.wallMs - before.wallMs - passed
  return passed >= 0 && passed <= MAX_PAUSE_MS && Math.abs(drift) <= MAX_DRIFT_MS
}

/** Seconds by which this machine's clock may be behind the newest block, and ahead of it: blocks come late, never early.
 * Within them a beat sent in its slot by a right clock is taken here, neither as too early nor as too late. */
const MAX_BEHIND = 10
const MAX_AHEAD = 90

/** @param wall this machine's clock. @param head time of the newest block. Both unix seconds. */
export const clocksAgree = (wall: number, head: number): boolean =>
  wall - head >= -MAX_BEHIND && wall - head <= MAX_AHEAD

/** Nodes heard before, from which on a slot without a single beat shows that it is the keeper who is cut off. */
const CHORUS = 3

/**
 * Whether a slot in which nothing failed here counts as listened to. One who never heard anybody proves nothing; where
 * several have been heard before, all of them silent at once is more likely this keeper's own line.
 */
export const isProven = (slot: { heardAny: boolean; voices: number }): boolean =>
  slot.voices > 0 && (slot.heardAny || slot.voices < CHORUS)
