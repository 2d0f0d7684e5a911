// Live changes to many listeners. A listener first reads what it missed from the stored logs, page by page and as fast as
// it drains, and is then told of each commit as it happens.
import { type FeedChange, type Position, type Positions, positionOf } from '@decloud/chain'
import { DecloudError, type ProtocolEvent } from '@decloud/protocol'
import { type LiveCursor, readLiveCursor, writeLiveCursor } from '../domain/live-cursor.ts'
import { plainArgs, topicsOf } from '../domain/topics.ts'
import { makeTurns } from '../lib/turns.ts'
import type { Log } from '../ports/log.ts'
import { type Listener, type ListenerLimits, makeListener, type Sink } from './listener.ts'

export type LiveOptions = {
  positions: Positions
  onChange(listener: (change: FeedChange) => void): () => void
  /** Height of the newest indexed block. */
  height(): bigint | null
  maxStreams: number
  maxStreamsPerAddress: number
  limits?: Partial<ListenerLimits>
  log: Log
}

export type Wish = {
  /** Whose connections are counted together. */
  caller: string
  /** `null` for all. */
  topics: ReadonlySet<string> | null
  lastEventId: string | null
}

const BEAT_MS = 15_000
/** Logs that are replayed to one listener; a listener that missed more reads anew. */
const MOST_REPLAYED = 10_000
const PAGE = 200
/** A commit with more events than this is a keeper that catches up with the chain, not news. */
const MOST_NEWS = 1_000

const LIMITS: ListenerLimits = { maxBuffered: 262_144, drainMs: 30_000 }

const frame = (event: string, data: unknown, id?: string): string =>
  `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`

const wants = (topics: ReadonlySet<string> | null, about: readonly string[]) =>
  topics === null || about.some((topic) => topics.has(topic))

export type Live = ReturnType<typeof makeLive>

export const makeLive = (options: LiveOptions) => {
  const { positions, log } = options
  const limits = { ...LIMITS, ...options.limits }
  const listeners = new Map<Listener, Wish>()
  /** Of those who read what they missed: a page costs as much as many answers, and costs it to whoever asks. */
  const nextTurn = makeTurns()
  let anchor = positions.newestFinal()

  const idOf = (at: Position) => writeLiveCursor({ at, anchor })
  const newestId = () => {
    const newest = positions.newest()
    return newest === null ? undefined : idOf(newest)
  }
  const chainFrame = (event: ProtocolEvent, topics: readonly string[]) =>
    frame(
      'chain',
      {
        contract: event.contract,
        name: event.name,
        args: plainArgs(event.args),
        block: String(event.blockNumber),
        blockHash: event.blockHash,
        logIndex: event.logIndex,
        transaction: event.transactionHash,
        at: Number(event.timestamp),
        topics,
      },
      idOf(positionOf(event)),
    )

  const tell = (text: string, about: readonly string[] | null) => {
    for (const [listener, wish] of listeners) {
      if (listener.isLive() && (about === null || wants(wish.topics, about))) listener.send(text)
    }
  }

  const onChange = (change: FeedChange) => {
    if (change.kind !== 'applied') anchor = positions.newestFinal()
    if (change.kind === 'finalized' || listeners.size === 0) return
    if (change.kind === 'reverted') {
      tell(frame('reverted', { height: String(change.cursor?.height ?? 0n) }, newestId()), null)
      return
    }
    if (change.events.length > MOST_NEWS) {
      tell(frame('reset', { reason: 'catching-up' }, newestId()), null)
      return
    }
    for (const event of change.events) {
      const about = topicsOf(event)
      tell(chainFrame(event, about), about)
    }
  }

  /** Where a listener may go on from, or why it cannot; `reverted` when it has to forget what lies above a height. */
  const startOf = (cursor: LiveCursor | null): { from: Position; reverted: boolean } | { reset: string } => {
    if (cursor === null) return { reset: 'cursor-invalid' }
    const { at, anchor } = cursor
    const from = positions.isCanonical(at)
      ? at
      : anchor !== null && positions.isCanonical(anchor)
        ? anchor
        : null
    if (from === null) return { reset: 'cursor-foreign' }
    if (positions.countAfter(from, MOST_REPLAYED + 1) > MOST_REPLAYED) return { reset: 'cursor-too-old' }
    return { from, reverted: from !== at }
  }

  /** Page by page; ends in the same breath in which the last page turns out to be empty, so nothing falls between. */
  const replay = async (listener: Listener, wish: Wish, from: Position): Promise<void> => {
    let at = from
    for (;;) {
      await nextTurn()
      if (!listener.isOpen()) return
      // Reorganised away while it drained: back to where everything is final.
      if (!positions.isCanonical(at)) {
        const final = positions.newestFinal()
        if (final === null || final.height > at.height) {
          listener.send(frame('reset', { reason: 'cursor-foreign' }, newestId()))
          break
        }
        at = final
        listener.send(frame('reverted', { height: String(at.height) }, idOf(at)))
      }
      const { events, last } = positions.after(at, PAGE)
      if (last === null) break
      at = last
      for (const event of events) {
        const about = topicsOf(event)
        if (wants(wish.topics, about)) listener.send(chainFrame(event, about))
      }
      await listener.drained()
    }
    listener.goLive()
  }

  const admit = (caller: string) => {
    if (listeners.size >= options.maxStreams) {
      throw new DecloudError('streams-full', 'This keeper has as many listeners as it takes.', {
        hint: 'Try again later, or ask another keeper.',
      })
    }
    const own = [...listeners.values()].filter((wish) => wish.caller === caller).length
    if (own >= options.maxStreamsPerAddress) {
      throw new DecloudError('streams-too-many', `This address listens ${own} times already.`, {
        hint: 'Close a stream first; one can carry many topics.',
      })
    }
  }

  const unsubscribe = options.onChange(onChange)
  const beat = setInterval(() => {
    for (const listener of listeners.keys()) listener.send(': beat\n\n')
  }, BEAT_MS)
  beat.unref()

  return {
    /** @throws DecloudError `streams-full`, `streams-too-many`, before anything is written. */
    admit,
    /** Takes over a response whose head is sent. */
    open: (sink: Sink, wish: Wish): void => {
      const listener = makeListener(sink, limits, (reason) => {
        listeners.delete(listener)
        if (reason !== 'gone') log.info({ caller: wish.caller, reason }, 'a live stream was dropped')
      })
      listeners.set(listener, wish)
      const hello = { height: options.height() === null ? null : String(options.height()) }
      if (wish.lastEventId === null) {
        listener.send(frame('hello', { ...hello, resumed: false }, newestId()))
        listener.goLive()
        return
      }
      const start = startOf(readLiveCursor(wish.lastEventId))
      if ('reset' in start) {
        listener.send(frame('hello', { ...hello, resumed: false }))
        listener.send(frame('reset', { reason: start.reset }, newestId()))
        listener.goLive()
        return
      }
      listener.send(frame('hello', { ...hello, resumed: true }))
      if (start.reverted)
        listener.send(frame('reverted', { height: String(start.from.height) }, idOf(start.from)))
      replay(listener, wish, start.from).catch((error: unknown) => {
        log.error({ err: error }, 'a live stream could not be resumed')
        listener.end('failed')
      })
    },
    /** News that is not of the chain: it has no id and is not told again. */
    announce: (event: string, about: readonly string[], data: unknown): void =>
      tell(frame(event, data), about),
    count: () => listeners.size,
    close: (): void => {
      unsubscribe()
      clearInterval(beat)
      for (const listener of [...listeners.keys()]) listener.end('closing')
    },
  }
}
