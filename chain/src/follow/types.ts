import type { ProtocolEvent } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import type { Hex } from 'viem'

/** A block as the follower knows it. `timestamp` is unix seconds. */
export type BlockRef = { height: bigint; hash: Hex; parent: Hex; timestamp: bigint }

/**
 * Keeps tables of its own equal to a fold of the stored logs. Both methods run inside the transaction that moves the
 * cursor: they must be synchronous and touch nothing but `db`.
 *
 * The recommended pattern is the same for both: collect the entities that the events name, refold each from
 * `storedEvents(db, …)`, write the result, delete what has no events any more. A rollback is then exact.
 */
export type Projector = {
  /** Another one than the store was filled under: everything is reverted and read again. */
  version?: string
  /** Creates the projector's tables; called once, before anything else. */
  migrate(db: Database): void
  /** `events` were just stored, in chain order. */
  apply(db: Database, events: readonly ProtocolEvent[]): void
  /** `events` were just deleted from the store, in chain order, because their blocks are no longer canonical. */
  revert(db: Database, events: readonly ProtocolEvent[]): void
}

export type FeedState = 'syncing' | 'live' | 'stale' | 'disagreeing'

export type FeedHealth = {
  /**
   * `syncing`: behind the head. `live`: at the head. `stale`: no answer for too long, a head that is too old or that
   * went backwards, or a database that cannot be written. `disagreeing`: the RPCs differ about a finalized block or its
   * logs, one of them differs from itself, or finality itself was broken.
   */
  state: FeedState
  /** The newest block the RPC named, processed or not. */
  head: BlockRef | null
  /** The newest block whose logs are in the store. */
  cursor: BlockRef | null
  /** The newest finalized height the RPC named. */
  finalized: bigint | null
  /** The newest height through which logs were read twice, with the same result. */
  verified: bigint | null
  /** How many times everything has been read once more since the start of this process. */
  rounds: number
  /** Milliseconds since the RPC last answered; `null` before its first answer. */
  silentMs: number | null
  lastError: { code: string; sentence: string; at: number } | null
  disagreement: string | null
}

/** What one committed transaction changed. A rollback and the blocks that replace it are two changes. */
export type FeedChange =
  | { kind: 'applied'; cursor: BlockRef; events: readonly ProtocolEvent[] }
  | { kind: 'reverted'; cursor: BlockRef | null; events: readonly ProtocolEvent[] }
  /** What is final, or what of it was read twice, has grown: `finalizedThrough` may say more. */
  | { kind: 'finalized'; height: bigint }

export type Follower = {
  /** Begins to follow; returns at once. */
  start(): void
  health(): FeedHealth
  /**
   * The newest block that is finalized, processed and read a second time: what destructive steps may rely on.
   * `null` while the feed is stale or disagreeing or before anything is final: then destroy nothing.
   */
  finalizedThrough(): BlockRef | null
  /** Called after each commit. A listener that throws is reported, never stops the feed. @returns unsubscribe. */
  onChange(listener: (change: FeedChange) => void): () => void
  /**
   * Resolves when the store has reached `height` (default: the head at the time of the call).
   * @throws ChainError `sync-timeout` after `deadlineMs`; `feed-closed` at once when the feed is closed.
   */
  synced(options?: { height?: bigint; deadlineMs?: number }): Promise<void>
  /**
   * Drops every log and reads the chain anew, from the first block of the deployment: for a store that was found to
   * differ from the chain. Happens at the next step; `synced` waits for its end.
   */
  resync(): void
  /** Stops and waits for the step in progress; the database stays open: its owner closes it. */
  close(): Promise<void>
}
