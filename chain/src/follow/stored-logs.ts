// What a follower has read and read again, for somebody who asks once beside it: a cache of logs that nobody has to keep up
// to date. Only what is final, was read twice and is on the chain of the RPC in use counts; the rest is for the RPC to tell.
import { existsSync } from 'node:fs'
import { addressesOf, type RawLog } from '@decloud/protocol'
import Sqlite, { type Database } from 'better-sqlite3'
import type { Address, Hex } from 'viem'
import { z } from 'zod'
import type { Chain } from '../connect.ts'
import { selectLogs } from './log-store.ts'
import { readHash } from './source.ts'

type StoredQuestion = {
  readonly addresses: readonly Address[]
  /** As of `eth_getLogs`. */
  readonly topics: readonly (readonly Hex[] | null)[]
  readonly head: bigint
}

export type StoredLogs = {
  /** The last block of which they are all there. */
  readonly through: bigint
  /** In the order of the chain, up to `head`. */
  logs(question: StoredQuestion): RawLog[]
  close(): void
}

const stateSchema = z.object({
  chain_id: z.int(),
  escrow: z.string(),
  finalized: z.int(),
  verified: z.int(),
  broken_through: z.int().nullable(),
  contents: z.string(),
})
const contentsSchema = z.object({ contracts: z.array(z.string()) })
const blockSchema = z.object({ height: z.int(), hash: z.string() })

/**
 * @param path a follower's database; it may be at work.
 * @returns null where there is nothing that can be relied on: no such file, another deployment or version, nothing final
 *   yet, another chain than that of the RPC.
 * @throws ChainError when the RPC does not answer.
 */
export const openStoredLogs = async (chain: Chain, path: string): Promise<StoredLogs | null> => {
  const db = open(path)
  if (db === null) return null
  try {
    const end = solidEnd(db, chain)
    const hash =
      end === null
        ? null
        : await chain.request('look for a known block', (client) => readHash(client, BigInt(end.height)))
    if (end !== null && hash === end.hash) return makeStoredLogs(db, BigInt(end.height))
  } catch (error) {
    db.close()
    // A cache that is damaged, or of another version, is as good as none.
    if (error instanceof Sqlite.SqliteError || error instanceof SyntaxError) return null
    throw error
  }
  db.close()
  return null
}

const open = (path: string): Database | null => {
  if (!existsSync(path)) return null
  try {
    const db = new Sqlite(path, { readonly: true, fileMustExist: true, timeout: 5_000 })
    // All reads see the store as it is at the first: the follower may roll it back meanwhile.
    db.exec('BEGIN')
    return db
  } catch (error) {
    // Not for this user, or no database: then everything is asked of the RPC.
    if (error instanceof Sqlite.SqliteError) return null
    throw error
  }
}

/** The newest block at and under which every log of the deployment is final, and was read twice. */
const solidEnd = (db: Database, { deployment }: Chain): z.output<typeof blockSchema> | null => {
  const state = stateSchema.safeParse(db.prepare('SELECT * FROM feed_state').get())
  if (!state.success) return null
  const { chain_id, escrow, finalized, verified, broken_through, contents } = state.data
  const through = Math.min(finalized, verified)
  const { success, data } = contentsSchema.safeParse(JSON.parse(contents))
  const kept = new Set(success ? data.contracts : [])
  const isWhole = addressesOf(deployment).every((address) => kept.has(address.toLowerCase()))
  const isOurs = chain_id === deployment.chainId && escrow === deployment.leaseEscrow.toLowerCase()
  if (!isOurs || !isWhole || (broken_through !== null && through <= broken_through)) return null
  const newest = db.prepare(
    'SELECT height, hash FROM feed_blocks WHERE height <= ? ORDER BY height DESC LIMIT 1',
  )
  return blockSchema
    .nullable()
    .catch(null)
    .parse(newest.get(through) ?? null)
}

const makeStoredLogs = (db: Database, through: bigint): StoredLogs => ({
  through,
  close: () => db.close(),
  logs: ({ addresses, topics, head }) => {
    const last = head < through ? head : through
    return candidates(db, addresses, topics).filter(
      (log) => log.blockNumber <= last && topics.every((some, place) => fits(log, some, place)),
    )
  },
})

const fits = (log: RawLog, some: readonly Hex[] | null, place: number): boolean =>
  some === null || some.some((topic) => log.topics[place]?.toLowerCase() === topic.toLowerCase())

/** By the index that the store has for the question, if any. */
const candidates = (
  db: Database,
  address: readonly Address[],
  [, first = null, second = null]: StoredQuestion['topics'],
): RawLog[] => {
  if (first !== null) return inOrder(first.flatMap((topic1) => selectLogs(db, { address, topic1 })))
  if (second !== null) return inOrder(second.flatMap((topic2) => selectLogs(db, { address, topic2 })))
  return selectLogs(db, { address })
}

const inOrder = (logs: RawLog[]): RawLog[] =>
  logs.sort((a, b) => Number(a.blockNumber - b.blockNumber) || a.logIndex - b.logIndex)
