// When a peer has sent too much that nobody honest would: its line is cut for a while; and should it find a way back,
// gossip's own score keeps its messages from being looked at.
import { createPeerScoreParams, createTopicScoreParams } from '@libp2p/gossipsub/score'

/** Rejected messages of a peer, decaying, from which its messages are no longer looked at. */
const GRAYLIST_AFTER = 20

/**
 * Only rejected messages count, squared. What a peer delivers earns nothing, and what it does not deliver costs nothing:
 * agents only ever send their own beats.
 */
export const scoreParamsOf = (topic: string) =>
  createPeerScoreParams({
    topics: {
      [topic]: createTopicScoreParams({
        topicWeight: 1,
        timeInMeshWeight: 0,
        firstMessageDeliveriesWeight: 0,
        meshMessageDeliveriesWeight: 0,
        meshFailurePenaltyWeight: 0,
        invalidMessageDeliveriesWeight: -1,
        // Per second: half is forgotten after a minute.
        invalidMessageDeliveriesDecay: 0.989,
      }),
    },
    decayInterval: 1_000,
    // A carrier's NAT holds many honest nodes: how many share an address says nothing here.
    IPColocationFactorWeight: 0,
  })

export const SCORE_THRESHOLDS = {
  gossipThreshold: -(10 ** 2),
  publishThreshold: -(15 ** 2),
  graylistThreshold: -(GRAYLIST_AFTER ** 2),
  acceptPXThreshold: 0,
  opportunisticGraftThreshold: 0,
} as const

/** Less than what puts a peer on the gray list: from there on nothing of it would be counted any more. */
const BAN_AFTER = 16
const BAN_MS = 10 * 60_000
const WINDOW_MS = 60_000
/** Peers remembered at most: who makes new identities faster than this only makes itself forgotten. */
const MAX_TRACKED = 4_096

/** Counts what was rejected of each peer; a peer with too much of it is banned for ten minutes. */
export const makeBans = (now: () => number) => {
  const counts = new Map<string, { since: number; rejected: number; bannedUntil: number }>()
  return {
    isBanned: (peer: string): boolean => (counts.get(peer)?.bannedUntil ?? 0) > now(),
    /** @returns whether the peer is banned by this one. */
    rejected: (peer: string): boolean => {
      const known = counts.get(peer)
      const fresh = known === undefined || now() - known.since > WINDOW_MS
      const count = fresh ? { since: now(), rejected: 0, bannedUntil: known?.bannedUntil ?? 0 } : known
      count.rejected += 1
      // Newest last, so that the oldest is the one to forget.
      counts.delete(peer)
      counts.set(peer, count)
      if (counts.size > MAX_TRACKED) counts.delete(counts.keys().next().value!)
      if (count.rejected !== BAN_AFTER) return false
      count.bannedUntil = now() + BAN_MS
      return true
    },
  }
}
export type Bans = ReturnType<typeof makeBans>
