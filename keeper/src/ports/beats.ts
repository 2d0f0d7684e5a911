// What is kept of beats, and what the chain says that matters for counting them.
import type { Beat } from '@decloud/protocol/wire/heartbeat'
import type { Hex } from 'viem'
import type { DayBits } from '../domain/day-bits.ts'
import type { Credit, Vote } from '../domain/downtime.ts'
import type { Activity } from '../domain/uptime.ts'

/** What was learnt since the last time: slots by node, the slots listened to, the newest beat of each node. */
export type BeatNews = {
  heard: ReadonlyMap<number, Iterable<number>>
  listened: readonly number[]
  newest: Iterable<Beat>
}

/** The books of beats, in the keeper's own file. */
export type BeatBooks = {
  /** All of it or nothing: a slot is listened to only together with the beats that were heard in it. */
  write(news: BeatNews): void
  /** Slots heard of each node on a UTC day (days since 1970). */
  heardOn(day: number): ReadonlyMap<number, DayBits>
  heardOf(node: number, day: number): DayBits
  listenedOn(day: number): DayBits
  newest(): Beat[]
  /** Forgets the days before `day`. */
  dropBefore(day: number): void
}

/** Reads of the logs that the feed has stored. */
export type BeatHistory = {
  /** When a node came and went, oldest first; nothing for a node that is not registered. */
  activityOf(node: number): Activity[]
  creditsOf(leaseId: Hex): Credit[]
  /** Votes that can still count: cast since the list of attesters and the lease's credits last changed. */
  votesOf(leaseId: Hex): Vote[]
}
