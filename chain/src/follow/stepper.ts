// One step of the feed: look, then roll back or append, in one transaction each.
import { makeLogDecoder, type ProtocolEvent, type RawLog } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import type { Chain, RpcClient } from '../connect.ts'
import { ChainError } from '../errors.ts'
import type { LogStore } from './log-store.ts'
import {
  addressesOf,
  MovedError,
  readBlock,
  readBlocks,
  readFinalized,
  readHash,
  readHead,
  readRange,
} from './source.ts'
import type { BlockRef, FeedChange, Projector } from './types.ts'

const MAX_RANGE = 10_000n
const FIRST_RANGE = 2_000n
// Unfinalized blocks of one transaction: two JSON-RPC batches.
const BLOCKS_PER_STEP = 64n

export type Seen = { head: BlockRef; finalized: bigint }
/** `idle`: at the head. `moved`: something was committed, look again at once. `short`: the head went backwards. */
export type StepResult = 'idle' | 'moved' | 'short'

export type StepperDeps = {
  chain: Chain
  db: Database
  store: LogStore
  projectors: readonly Projector[]
  signal: AbortSignal
  onSeen(seen: Seen): void
  onChange(change: FeedChange): void
}

export const makeStepper = (deps: StepperDeps) => {
  const { chain, db, store, projectors, signal } = deps
  const addresses = addressesOf(chain.deployment)
  const decode = makeLogDecoder(chain.deployment)
  let range = FIRST_RANGE
  let seen: Seen | null = null

  const eventsOf = (logs: readonly RawLog[]): ProtocolEvent[] =>
    logs.map(decode).filter((event) => event !== undefined)

  const commit = (write: () => FeedChange) => {
    if (signal.aborted) throw new ChainError('feed-closed', 'The feed was closed.')
    deps.onChange(db.transaction(write).immediate())
  }

  const append = (blocks: readonly BlockRef[], logs: readonly RawLog[]) =>
    commit(() => {
      const events = eventsOf(logs)
      store.append(blocks, logs)
      if (events.length > 0) for (const projector of projectors) projector.apply(db, events)
      return { kind: 'applied', cursor: blocks.at(-1)!, events }
    })

  const rollBack = (to: BlockRef | null, brokenThrough: bigint | null) =>
    commit(() => {
      const events = eventsOf(store.truncate(to))
      if (brokenThrough !== null) store.setBroken(brokenThrough)
      for (const projector of projectors) projector.revert(db, events)
      return { kind: 'reverted', cursor: to, events }
    })

  const look = async (client: RpcClient): Promise<Seen> => {
    const head = await readHead(client)
    if (seen === null || seen.head.hash !== head.hash) seen = { head, finalized: await readFinalized(client) }
    deps.onSeen(seen)
    return seen
  }

  const noteFinality = (finalized: bigint) => {
    const known = store.finality()
    if (known.finalized === finalized) return
    // Lower only after finality was broken: otherwise an RPC that lags must not take back what is final.
    if (known.finalized !== null && finalized < known.finalized && known.brokenThrough === null) return
    commit(() => {
      store.setFinalized(finalized)
      if (known.brokenThrough !== null && finalized > known.brokenThrough) store.setBroken(null)
      return { kind: 'finalized', height: finalized }
    })
  }

  const holds = async (client: RpcClient, cursor: BlockRef, head: BlockRef): Promise<boolean> => {
    if (head.height === cursor.height) return head.hash === cursor.hash
    if (head.height === cursor.height + 1n) return head.parent === cursor.hash
    return (await readHash(client, cursor.height)) === cursor.hash
  }

  /** Takes back what is not canonical any more. Canonical checkpoints are a prefix, so a binary search finds its end. */
  const reorganise = async (client: RpcClient) => {
    const known = store.checkpoints()
    let low = 0
    let high = known.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const point = known[middle]!
      if ((await readHash(client, point.height)) === point.hash) low = middle + 1
      else high = middle
    }
    const point = known[low - 1]
    const ancestor = point === undefined ? null : await readBlock(client, point.height)
    if (point !== undefined && ancestor?.hash !== point.hash)
      throw new MovedError('the common ancestor was replaced')
    const { finalized, brokenThrough } = store.finality()
    const broken = finalized !== null && (known[low]?.height ?? finalized + 1n) <= finalized
    rollBack(ancestor, broken ? finalized : brokenThrough)
  }

  const appendRange = async (client: RpcClient, from: bigint, finalized: bigint, cursor: BlockRef | null) => {
    const to = from + range - 1n < finalized ? from + range - 1n : finalized
    try {
      const { blocks, logs } = await readRange(client, addresses, { from, to }, cursor)
      append(blocks, logs)
      if (logs.length < 5_000) range = range * 2n < MAX_RANGE ? range * 2n : MAX_RANGE
    } catch (error) {
      // Providers limit blocks, logs, bytes or seconds, each with words of its own: any failure asks for less next time.
      range = range > 1n ? range / 2n : 1n
      throw error
    }
  }

  /** @param acceptShort roll back to a head that is lower than the cursor, instead of waiting for it to grow. */
  const step = async (client: RpcClient, acceptShort: boolean): Promise<StepResult> => {
    const { head, finalized } = await look(client)
    const cursor = store.cursor()
    if (cursor !== null) {
      const shorter = head.height < cursor.height
      if (shorter && !acceptShort && (await isKnown(client, head))) return 'short'
      if (shorter || !(await holds(client, cursor, head))) {
        await reorganise(client)
        return 'moved'
      }
    }
    noteFinality(finalized)
    const from = cursor === null ? BigInt(chain.deployment.fromBlock) : cursor.height + 1n
    if (from > head.height) return 'idle'
    if (from <= finalized) await appendRange(client, from, finalized, cursor)
    else {
      const { blocks, logs } = await readBlocks(
        client,
        addresses,
        { from, head, count: BLOCKS_PER_STEP },
        cursor?.hash ?? null,
      )
      append(blocks, logs)
    }
    return 'moved'
  }

  // A short head that lies on the chain we know is an RPC that lags, or a chain that was cut: time will tell.
  const isKnown = async (client: RpcClient, head: BlockRef): Promise<boolean> => {
    const below = store.blockThrough(head.height)
    return below !== null && (await readHash(client, below.height)) === below.hash
  }

  return { step, forget: () => rollBack(null, store.finality().brokenThrough) }
}
