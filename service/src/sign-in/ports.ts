import type { Address } from 'viem'

/** A session as it is kept: of its tokens only the hashes (SHA-256, hex). Times are unix seconds. */
export type StoredSession = {
  id: string
  address: Address
  accessHash: string
  accessUntil: number
  refreshHash: string
  refreshUntil: number
  /** However often it is refreshed, it ends then. */
  endsAt: number
}

export type SessionStore = {
  byId(id: string): StoredSession | undefined
  byAccess(hash: string): StoredSession | undefined
  byRefresh(hash: string): StoredSession | undefined
  /** The session that a refresh token belonged to which was exchanged before. */
  bySpentRefresh(hash: string): string | undefined
  /** @param most sessions that an address may have: the oldest give way. */
  add(session: StoredSession, most: number): void
  /** In one transaction: the old refresh hash is spent, the new tokens stand. */
  rotate(session: StoredSession, spentHash: string): void
  remove(id: string): void
  /** Removes what is over at `now`. */
  sweep(now: number): void
}
