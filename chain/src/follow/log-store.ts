// Raw logs, the unfinalized chain of blocks and the cursor, in one database. Everything else is a fold of this.
import type { Deployment, RawLog } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import type { Address, Hex } from 'viem'
import { ChainError } from '../errors.ts'
import { migrate } from '../store.ts'
import type { BlockRef } from './types.ts'

const SCHEMA = [
  `CREATE TABLE feed_state (
     one INTEGER PRIMARY KEY CHECK (one = 1),
     chain_id INTEGER NOT NULL, escrow TEXT NOT NULL,
     height INTEGER, hash TEXT, parent TEXT, timestamp INTEGER,
     finalized INTEGER,
     -- A rollback went below a finalized block: nothing at or under this height counts as final any more.
     broken_through INTEGER
   ) STRICT;
   -- Every unfinalized block that was processed, and one finalized block under them.
   CREATE TABLE feed_blocks (
     height INTEGER PRIMARY KEY, hash TEXT NOT NULL, parent TEXT NOT NULL, timestamp INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE feed_logs (
     block_hash TEXT NOT NULL, log_index INTEGER NOT NULL, block_number INTEGER NOT NULL,
     transaction_hash TEXT NOT NULL, address TEXT NOT NULL,
     topic0 TEXT, topic1 TEXT, topic2 TEXT, topic3 TEXT, data TEXT NOT NULL,
     PRIMARY KEY (block_hash, log_index)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX feed_logs_place ON feed_logs (block_number, log_index);
   CREATE INDEX feed_logs_topic1 ON feed_logs (address, topic1, block_number, log_index);
   CREATE INDEX feed_logs_topic2 ON feed_logs (address, topic2, block_number, log_index);`,
  // More contracts are listened to, and logs know their time: what was read before is read again.
  `DELETE FROM feed_logs;
   DELETE FROM feed_blocks;
   UPDATE feed_state SET height = NULL, hash = NULL, parent = NULL, timestamp = NULL, finalized = NULL;
   ALTER TABLE feed_logs ADD COLUMN timestamp INTEGER NOT NULL DEFAULT 0;`,
  // 'verified': logs up to there were read twice, with the same result; 'reread': how far the present round of reading
  // all of them again has come. 'contents': what the store was filled with; NULL before the first step.
  `ALTER TABLE feed_state ADD COLUMN verified INTEGER;
   ALTER TABLE feed_state ADD COLUMN reread INTEGER;
   ALTER TABLE feed_state ADD COLUMN contents TEXT;`,
]

const toHeight = (value: number | null): bigint | null => (value === null ? null : BigInt(value))

type BlockRow = { height: number; hash: string; parent: string; timestamp: number }
type StateRow = { [column in keyof BlockRow]: BlockRow[column] | null } & {
  finalized: number | null
  broken_through: number | null
  verified: number | null
  reread: number | null
  contents: string | null
}
type LogRow = {
  block_hash: string
  log_index: number
  block_number: number
  transaction_hash: string
  address: string
  topic0: string | null
  topic1: string | null
  topic2: string | null
  topic3: string | null
  data: string
  timestamp: number
}

// Hex columns are written by this file alone, from values that viem typed as hex: hence the casts on the way out.
const toBlock = (row: BlockRow): BlockRef => ({
  height: BigInt(row.height),
  hash: row.hash as Hex,
  parent: row.parent as Hex,
  timestamp: BigInt(row.timestamp),
})

const toRawLog = (row: LogRow): RawLog => ({
  address: row.address as Address,
  topics: [row.topic0, row.topic1, row.topic2, row.topic3].filter((topic): topic is Hex => topic !== null),
  data: row.data as Hex,
  blockNumber: BigInt(row.block_number),
  blockHash: row.block_hash as Hex,
  transactionHash: row.transaction_hash as Hex,
  logIndex: row.log_index,
  timestamp: BigInt(row.timestamp),
})

export type LogPlace = { block: number; logIndex: number }
export type LogFilter = {
  address: Address | readonly Address[]
  topic0?: Hex
  topic1?: Hex
  topic2?: Hex
  /** Those behind that place alone. */
  after?: LogPlace
  /** The first so many; all when left out. */
  limit?: number
}

const conditionsOf = ({ topic0, topic1, topic2, after }: LogFilter): string[] => [
  'address IN (SELECT value FROM json_each(@addresses))',
  ...(topic1 === undefined ? [] : ['topic1 = @topic1']),
  // A plus keeps a column out of the choice of an index: that of the entity is the one to use.
  ...(topic0 === undefined ? [] : ['+topic0 = @topic0']),
  ...(topic2 === undefined ? [] : [topic1 === undefined ? 'topic2 = @topic2' : '+topic2 = @topic2']),
  ...(after === undefined ? [] : ['(+block_number, log_index) > (@block, @logIndex)']),
]

/** The stored logs of one contract or several, or of one indexed argument of theirs, in chain order. */
export const selectLogs = (db: Database, filter: LogFilter): RawLog[] => {
  const rows = db
    .prepare(
      `SELECT * FROM feed_logs WHERE ${conditionsOf(filter).join(' AND ')}
       ORDER BY block_number, log_index ${filter.limit === undefined ? '' : 'LIMIT @limit'}`,
    )
    .all({
      ...{ addresses: addressesIn(filter), limit: filter.limit ?? null },
      ...{ topic0: filter.topic0 ?? null, topic1: filter.topic1 ?? null, topic2: filter.topic2 ?? null },
      ...{ block: filter.after?.block ?? null, logIndex: filter.after?.logIndex ?? null },
    }) as LogRow[]
  return rows.map(toRawLog)
}

/** The next `limit` stored logs after a place, in chain order. */
export const selectLogsAfter = (db: Database, after: LogPlace, limit: number): RawLog[] => {
  const rows = db
    .prepare(
      `SELECT * FROM feed_logs WHERE (block_number, log_index) > (@block, @logIndex)
       ORDER BY block_number, log_index LIMIT @limit`,
    )
    .all({ ...after, limit }) as LogRow[]
  return rows.map(toRawLog)
}

const addressesIn = ({ address }: LogFilter) =>
  JSON.stringify((typeof address === 'string' ? [address] : address).map((one) => one.toLowerCase()))

export type LogStore = ReturnType<typeof makeLogStore>

/** @throws ChainError `store-foreign` when the database follows another chain or escrow. */
export const makeLogStore = (db: Database, deployment: Deployment) => {
  migrate(db, 'feed', SCHEMA)
  claim(db, deployment)
  const state = db.prepare('SELECT * FROM feed_state')
  const setCursor = db.prepare(
    'UPDATE feed_state SET height = @height, hash = @hash, parent = @parent, timestamp = @timestamp',
  )
  const putBlock = db.prepare(
    'INSERT OR REPLACE INTO feed_blocks VALUES (@height, @hash, @parent, @timestamp)',
  )
  const putLog = db.prepare(
    `INSERT INTO feed_logs VALUES (@blockHash, @logIndex, @blockNumber, @transactionHash, @address,
       @topic0, @topic1, @topic2, @topic3, @data, @timestamp)`,
  )
  const logsAbove = db.prepare(
    'SELECT * FROM feed_logs WHERE block_number > ? ORDER BY block_number, log_index',
  )
  const dropLogs = db.prepare('DELETE FROM feed_logs WHERE block_number > ?')
  const dropBlocks = db.prepare('DELETE FROM feed_blocks WHERE height > ?')
  const prune = db.prepare(
    `DELETE FROM feed_blocks
     WHERE height < (SELECT max(height) FROM feed_blocks
       WHERE height <= (SELECT min(finalized, verified) FROM feed_state))`,
  )
  const newestThrough = db.prepare('SELECT * FROM feed_blocks WHERE height <= ? ORDER BY height DESC LIMIT 1')
  const checkpoints = db.prepare(
    `SELECT height, hash FROM feed_blocks UNION
     SELECT DISTINCT block_number, block_hash FROM feed_logs ORDER BY 1`,
  )
  const putVerified = db.prepare('UPDATE feed_state SET verified = ?')
  const putReread = db.prepare('UPDATE feed_state SET reread = ?')
  const loseReadings = db.prepare(
    `UPDATE feed_state SET verified = iif(@height < 0, NULL, min(verified, @height)),
       reread = iif(@height < 0, NULL, min(reread, @height))`,
  )
  const between = db.prepare(
    'SELECT * FROM feed_logs WHERE block_number BETWEEN ? AND ? ORDER BY block_number, log_index',
  )
  const row = () => state.get() as StateRow

  return {
    cursor: (): BlockRef | null => {
      const { height, hash, parent, timestamp } = row()
      return height == null ? null : toBlock({ height, hash: hash!, parent: parent!, timestamp: timestamp! })
    },
    finality: () => {
      const { finalized, broken_through, verified, reread } = row()
      return {
        finalized: toHeight(finalized),
        brokenThrough: toHeight(broken_through),
        verified: toHeight(verified),
        reread: toHeight(reread),
      }
    },
    /** What the store was filled with; `null` when that is not known. */
    contents: (): string | null => row().contents,
    setContents: (contents: string) => {
      db.prepare('UPDATE feed_state SET contents = ?').run(contents)
    },
    /** The newest processed block at or under `height`. */
    blockThrough: (height: bigint): BlockRef | null => {
      const found = newestThrough.get(height) as BlockRow | undefined
      return found === undefined ? null : toBlock(found)
    },
    /** Known (height, hash) pairs, ascending: any may serve as the common ancestor of a reorg of any depth. */
    checkpoints: (): { height: bigint; hash: Hex }[] =>
      (checkpoints.all() as BlockRow[]).map((r) => ({ height: BigInt(r.height), hash: r.hash as Hex })),
    append: (blocks: readonly BlockRef[], logs: readonly RawLog[]) => {
      for (const block of blocks) putBlock.run(block)
      for (const log of logs) {
        const [topic0 = null, topic1 = null, topic2 = null, topic3 = null] = log.topics
        const { topics: _, ...place } = log
        putLog.run({ ...place, address: log.address.toLowerCase(), topic0, topic1, topic2, topic3 })
      }
      setCursor.run(blocks.at(-1)!)
    },
    /** Deletes everything above `to` (everything, for `null`). @returns the deleted logs, in chain order. */
    truncate: (to: BlockRef | null): RawLog[] => {
      const height = to?.height ?? -1n
      const removed = (logsAbove.all(height) as LogRow[]).map(toRawLog)
      dropLogs.run(height)
      dropBlocks.run(height)
      if (to !== null) putBlock.run(to)
      setCursor.run(to ?? { height: null, hash: null, parent: null, timestamp: null })
      loseReadings.run({ height })
      return removed
    },
    /** The logs of blocks `from`–`to`, in chain order. */
    logsBetween: (from: bigint, to: bigint): RawLog[] => (between.all(from, to) as LogRow[]).map(toRawLog),
    /** Everything up to `end` was read a second time. */
    setVerified: (end: BlockRef) => {
      putBlock.run(end)
      putVerified.run(end.height)
      prune.run()
    },
    /** @param height `null` when the next round begins at the first block. */
    setReread: (height: bigint | null) => {
      putReread.run(height)
    },
    setFinalized: (height: bigint | null) => {
      db.prepare('UPDATE feed_state SET finalized = ?').run(height)
      prune.run()
    },
    setBroken: (through: bigint | null) => {
      db.prepare('UPDATE feed_state SET broken_through = ?').run(through)
    },
  }
}

const claim = (db: Database, { chainId, leaseEscrow }: Deployment) => {
  const escrow = leaseEscrow.toLowerCase()
  db.prepare('INSERT OR IGNORE INTO feed_state (one, chain_id, escrow) VALUES (1, ?, ?)').run(chainId, escrow)
  const owner = db.prepare('SELECT chain_id, escrow FROM feed_state').get() as {
    chain_id: number
    escrow: string
  }
  if (owner.chain_id === chainId && owner.escrow === escrow) return
  throw new ChainError('store-foreign', 'The database follows another deployment.', {
    hint: 'Use one data folder per deployment; an empty one is filled from the chain.',
    details: { chainId: owner.chain_id, escrow: owner.escrow },
  })
}
