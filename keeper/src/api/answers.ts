// Ready answers: text that was made once and is given to everyone who asks the same until what it was made of changes.
import { createHash } from 'node:crypto'

/**
 * What an answer changes with: `events`, when a table of the market may have changed; `block`, with each block (a bill
 * runs on); `second`, also with what was heard of nodes, which nobody announces.
 */
export type Basis = 'events' | 'block' | 'second'

export type Ready = {
  body: string | Buffer
  /** Of the body. */
  bytes: number
  /** Of a body that is text: ASCII goes out as it lies in memory, anything else has to be encoded. */
  encoding: 'latin1' | 'utf8'
  tag: string
  /** Names and values in turn, as Node takes them without another walk: of the answer, and of 304 to who has it. */
  headers: readonly string[]
  sameHeaders: readonly string[]
}

/** Counts that only grow; each commit that may change an answer moves them before anyone can ask again. */
export type Versions = { events: number; block: number }

/** `route`: the pattern of the route that made it. */
type Kept = Ready & {
  key: string
  route: string
  basis: Basis
  version: number
  /** Also when nothing was announced; `null` for as long as its version stands. */
  until: number | null
  /** Bytes that it takes in memory, about. */
  weight: number
}

export type AnswersOptions = {
  versions: Readonly<Versions>
  /** Of bodies and keys; the least recently used give way. */
  maxBytes: number
  /** Headers of every answer. */
  headers: Readonly<Record<string, string>>
  /** Monotonic milliseconds. */
  now?: () => number
}

const SECOND_MS = 1_000
/** Above this a buffer is cheaper to send than text that has to be encoded each time. */
const TEXT_LIMIT = 8_192
/** An entry's own weight besides key and body. */
const OVERHEAD = 600

export type Answers = ReturnType<typeof makeAnswers>

export const makeAnswers = ({
  versions,
  maxBytes,
  headers,
  now = () => performance.now(),
}: AnswersOptions) => {
  const kept = new Map<string, Kept>()
  let held = 0
  const versionOf = (basis: Basis) => (basis === 'block' ? versions.block : versions.events)
  const drop = (entry: Kept) => {
    kept.delete(entry.key)
    held -= entry.weight
  }
  const make = (text: string): Ready => {
    const bytes = Buffer.byteLength(text)
    const tag = `"${createHash('sha1').update(text).digest('base64url')}"`
    const sameHeaders = [
      ...Object.entries(headers).flat(),
      ...['content-type', 'application/json; charset=utf-8', 'cache-control', 'no-cache', 'etag', tag],
    ]
    return {
      body: text.length > TEXT_LIMIT ? Buffer.from(text) : text,
      bytes,
      encoding: bytes === text.length ? 'latin1' : 'utf8',
      tag,
      headers: [...sameHeaders, 'content-length', String(bytes)],
      sameHeaders,
    }
  }
  return {
    /** @param key the URL as it was asked. */
    find: (key: string): Kept | undefined => {
      const entry = kept.get(key)
      if (entry === undefined) return undefined
      if (entry.version !== versionOf(entry.basis) || (entry.until !== null && entry.until < now())) {
        drop(entry)
        return undefined
      }
      return entry
    },
    make,
    keep: (key: string, { basis, route }: { basis: Basis; route: string }, text: string): Ready => {
      const ready = make(text)
      const entry: Kept = {
        ...ready,
        key,
        route,
        basis,
        version: versionOf(basis),
        until: basis === 'second' ? now() + SECOND_MS : null,
        weight: ready.bytes + key.length + OVERHEAD,
      }
      const old = kept.get(key)
      if (old !== undefined) drop(old)
      kept.set(key, entry)
      held += entry.weight
      for (const oldest of kept.values()) {
        if (held <= maxBytes) break
        drop(oldest)
      }
      return entry
    },
    size: () => ({ entries: kept.size, bytes: held }),
  }
}

/** Whether a client that sent `If-None-Match` has this very answer. */
export const hasIt = (ifNoneMatch: string | undefined, tag: string): boolean =>
  ifNoneMatch !== undefined &&
  (ifNoneMatch === tag ||
    ifNoneMatch.split(',').some((one) => {
      const wanted = one.trim().replace(/^W\//, '')
      return wanted === tag || wanted === '*'
    }))
