// Places in the canonical stream of stored logs, so that a listener can go on where it stopped: after a restart, at another
// keeper, or on the other side of a reorg.
import { type Deployment, makeLogDecoder, type ProtocolEvent } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import { selectLogsAfter } from './log-store.ts'

/** A stored log. `block` is the beginning of its block's hash, without 0x: enough to tell two blocks of a height apart. */
export type Position = { height: number; logIndex: number; block: string }

export type Positions = {
  /** The newest stored log; `null` when there is none. */
  newest(): Position | null
  /** The newest stored log of a finalized block. */
  newestFinal(): Position | null
  /** Whether that log is part of the chain as it is stored now. */
  isCanonical(position: Position): boolean
  /** Stored logs after a place: at most `size` are looked at. `last` is `null` when there were none. */
  after(
    place: Pick<Position, 'height' | 'logIndex'>,
    size: number,
  ): { events: ProtocolEvent[]; last: Position | null }
  /** How many logs lie after a place; counts no further than `limit`. */
  countAfter(place: Pick<Position, 'height' | 'logIndex'>, limit: number): number
}

/** Hex digits of a block hash that a position carries. */
const HASH_DIGITS = 16

export const positionOf = (log: { blockNumber: bigint; logIndex: number; blockHash: string }): Position => ({
  height: Number(log.blockNumber),
  logIndex: log.logIndex,
  block: log.blockHash.slice(2, 2 + HASH_DIGITS),
})

type Row = { height: number; logIndex: number; block: string }

const COLUMNS = `block_number AS height, log_index AS logIndex, substr(block_hash, 3, ${HASH_DIGITS}) AS block`

/** Reads the tables that the follower writes: make it after the follower. */
export const makePositions = (db: Database, deployment: Deployment): Positions => {
  const decode = makeLogDecoder(deployment)
  const newest = db.prepare(
    `SELECT ${COLUMNS} FROM feed_logs ORDER BY block_number DESC, log_index DESC LIMIT 1`,
  )
  const newestFinal = db.prepare(
    `SELECT ${COLUMNS} FROM feed_logs WHERE block_number <= (SELECT finalized FROM feed_state)
     ORDER BY block_number DESC, log_index DESC LIMIT 1`,
  )
  const find = db.prepare(
    `SELECT 1 FROM feed_logs WHERE block_number = @height AND log_index = @logIndex
       AND substr(block_hash, 3, ${HASH_DIGITS}) = @block`,
  )
  const count = db.prepare(
    `SELECT count(*) AS count FROM (
       SELECT 1 FROM feed_logs WHERE (block_number, log_index) > (@height, @logIndex) LIMIT @limit)`,
  )
  return {
    newest: () => (newest.get() as Row | undefined) ?? null,
    newestFinal: () => (newestFinal.get() as Row | undefined) ?? null,
    isCanonical: (position) => find.get(position) !== undefined,
    after: ({ height, logIndex }, size) => {
      const logs = selectLogsAfter(db, { block: height, logIndex }, size)
      const last = logs.at(-1)
      return {
        events: logs.map(decode).filter((event) => event !== undefined),
        last: last === undefined ? null : positionOf(last),
      }
    },
    countAfter: ({ height, logIndex }, limit) =>
      (count.get({ height, logIndex, limit }) as { count: number }).count,
  }
}
