// One step of the feed: look, then roll back or append, in one transaction each.
import { addressesOf, DecloudError, makeLogDecoder, type ProtocolEvent, type RawLog } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import type { Chain, RpcClient } from '../connect.ts'
import { ChainError } from '../errors.ts'
import { isRangeRefusal, toChainError } from '../rpc-errors.ts'
import type { LogStore } from './log-store.ts'
import { ContradictionError, MovedError } from './logs.ts'
import { readBlock, readBlocks, readFinalized, readHash, readHead, readRange } from './source.ts'
import { makeSpan } from './span.ts'
import type { BlockRef, FeedChange, Projector } from './types.ts'
import type { Verdict } from './verifier.ts'

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
  const span = makeSpan(2_000n, 10_000n)
  let seen: { client: RpcClient; head: Awaited<ReturnType<typeof readHead>>; finalized: bigint } | null = null

  const eventsOf = (logs: readonly RawLog[]): ProtocolEvent[] =>
    logs.map(decode).filter((event) => event !== undefined)

  /** The events of logs that were just read. @throws retryable: an RPC may have told nonsense. */
  const eventsIn = (logs: readonly RawLog[]): ProtocolEvent[] => {
    try {
      return eventsOf(logs)
    } catch (error) {
      if (!(error instanceof DecloudError)) throw error
      const { code, message, hint, details } = error
      throw new ChainError(code, message, { hint, details, cause: error, retryable: true })
    }
  }

  const commit = (write: () => FeedChange | null) => {
    if (signal.aborted) throw new ChainError('feed-closed', 'The feed was closed.')
    const change = db.transaction(write).immediate()
    if (change !== null) deps.onChange(change)
  }

  const append = (blocks: readonly BlockRef[], logs: readonly RawLog[]) => {
    const events = eventsIn(logs)
    commit(() => {
      store.append(blocks, logs)
      if (events.length > 0) for (const projector of projectors) projector.apply(db, events)
      return { kind: 'applied', cursor: blocks.at(-1)!, events }
    })
  }

  const rollBack = (to: BlockRef | null, brokenThrough: bigint | null, contents: string | null = null) =>
    commit(() => {
      const events = eventsOf(store.truncate(to))
      if (brokenThrough !== null) store.setBroken(brokenThrough)
      if (contents !== null) store.setContents(contents)
      if (events.length > 0) for (const projector of projectors) projector.revert(db, events)
      return { kind: 'reverted', cursor: to, events }
    })

  const look = async (client: RpcClient) => {
    const head = await readHead(client)
    const known = seen?.client === client && seen.head.hash === head.hash
    if (!known) {
      const finalized = await readFinalized(client)
      // What is final on another chain than the head's is not final on ours.
      if ((await readHash(client, head.height)) !== head.hash) throw new MovedError('the head was replaced')
      seen = { client, head, finalized }
    }
    const { bloom: _, ...shown } = head
    deps.onSeen({ head: shown, finalized: seen!.finalized })
    return seen!
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

  /** @throws ContradictionError for an RPC that has a head above the block and not the block: that is no answer. */
  const isCanonical = async (
    client: RpcClient,
    point: { height: bigint; hash: string },
  ): Promise<boolean> => {
    const hash = await readHash(client, point.height)
    if (hash === null) throw new ContradictionError(`no block ${point.height} below its own head`)
    return hash === point.hash
  }

  const holds = async (client: RpcClient, cursor: BlockRef, head: BlockRef): Promise<boolean> => {
    if (head.height === cursor.height) return head.hash === cursor.hash
    if (head.height === cursor.height + 1n) return head.parent === cursor.hash
    return isCanonical(client, cursor)
  }

  /** Another RPC that is further on and has the cursor in its chain: the one that answers now is behind, on a dead branch. */
  const isOverruled = async (client: RpcClient, head: BlockRef, cursor: BlockRef): Promise<boolean> => {
    for (const other of chain.clients) {
      if (other === client) continue
      try {
        const ahead = await chain.ask(other, 'look for the last block', async (one) => {
          const theirs = await readHead(one)
          return theirs.height > head.height && (await readHash(one, cursor.height)) === cursor.hash
        })
        if (ahead) return true
      } catch {
        // One that does not answer is no witness.
      }
    }
    return false
  }

  /**
   * Takes back what is not canonical any more. Canonical checkpoints are a prefix, so a binary search finds its end. Only a
   * different block takes one back: that an RPC has none at a height says nothing, unless `cut`.
   */
  const reorganise = async (client: RpcClient, head: BlockRef, cursor: BlockRef) => {
    if (await isOverruled(client, head, cursor)) {
      throw new ChainError('rpc-behind', 'The RPC is behind another one, on a branch that was given up.', {
        retryable: true,
        hint: 'The other one is used; drop this URL if it stays so.',
      })
    }
    const known = store.checkpoints()
    let low = 0
    let high = known.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const point = known[middle]!
      if (point.height <= head.height && (await isCanonical(client, point))) low = middle + 1
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
    for (;;) {
      const to = from + span.size() - 1n < finalized ? from + span.size() - 1n : finalized
      try {
        const { blocks, logs } = await readRange(client, { addresses, from, to }, cursor)
        append(blocks, logs)
        return span.widen(logs.length)
      } catch (error) {
        // What is refused is asked for in smaller pieces at once; what takes too long, in smaller ones next time.
        const typed = toChainError('read logs', client.transport.url ?? '', error)
        const less = !(typed instanceof MovedError) && span.narrow()
        if (!less || !isRangeRefusal(typed)) throw error
      }
    }
  }

  // A short head that lies on the chain we know is an RPC that lags, or a chain that was cut: time will tell. So is one
  // below everything known.
  const isPrefix = async (client: RpcClient, head: BlockRef): Promise<boolean> => {
    const below = store.blockThrough(head.height)
    return below === null || (await isCanonical(client, below))
  }

  /** @param acceptShort roll back to a head that is lower than the cursor, instead of waiting for it to grow. */
  const step = async (client: RpcClient, acceptShort: boolean): Promise<StepResult> => {
    const { head, finalized } = await look(client)
    const cursor = store.cursor()
    if (cursor !== null) {
      const shorter = head.height < cursor.height
      if (shorter && !acceptShort && (await isPrefix(client, head))) return 'short'
      if (shorter || !(await holds(client, cursor, head))) {
        await reorganise(client, head, cursor)
        return 'moved'
      }
    }
    noteFinality(finalized)
    const from = cursor === null ? BigInt(chain.deployment.fromBlock) : cursor.height + 1n
    if (from > head.height) return 'idle'
    if (from <= finalized) await appendRange(client, from, finalized, cursor)
    else {
      const range = { from, head, count: BLOCKS_PER_STEP }
      const { blocks, logs } = await readBlocks(client, addresses, range, cursor?.hash ?? null)
      append(blocks, logs)
    }
    return 'moved'
  }

  /** Does what the second reading found. */
  const settle = (verdict: Verdict, round: 'verify' | 'reread'): void => {
    if (verdict.kind === 'repair') rollBack(verdict.to, store.finality().brokenThrough)
    if (verdict.kind !== 'same') return
    commit(() => {
      if (round === 'reread') store.setReread(verdict.end.height)
      else store.setVerified(verdict.end)
      return round === 'reread' ? null : { kind: 'finalized', height: verdict.end.height }
    })
  }

  /** Drops what was read only once. */
  const forgetTail = () => {
    const { verified, brokenThrough } = store.finality()
    rollBack(verified === null ? null : store.blockThrough(verified), brokenThrough)
  }

  /** Drops everything; `contents` is what the store will be filled with from now on. */
  const forget = (contents: string) => rollBack(null, store.finality().brokenThrough, contents)
  return { step, settle, forget, forgetTail }
}
